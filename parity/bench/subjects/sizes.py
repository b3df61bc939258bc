"""How large the inputs are that a benchmark makes: large enough to keep two cores busy, small enough for a minute."""

from __future__ import annotations

from collections.abc import Mapping

from parity.spec import Op

# A letter means the same in every operation. One that is not here keeps its size in the first case of the operation. Calls of
# about a millisecond: on a shared machine a single one is off by a fifth, and only hundreds of them tell 2 %.
SIZES: Mapping[str, int] = {"B": 2, "N": 4, "T": 128, "S": 128, "H": 64, "Hv": 64, "D": 128, "F": 64, "C": 10}
# In one head, without a batch, that is too little work to look at.
UNBATCHED = {"T": 256, "S": 256}


def bench_sizes(op: Op) -> dict[str, int]:
    """The size of each axis letter of `op`."""
    sizes = {**SIZES, **({} if "B" in op.sizes[0] else UNBATCHED)}
    return {axis: sizes.get(axis, size) for axis, size in op.sizes[0].items()}
