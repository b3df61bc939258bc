"""How large the inputs are that a benchmark makes: large enough to keep two cores busy, small enough for a minute."""

from __future__ import annotations

from collections.abc import Mapping

from parity.spec import Op

# A letter means the same in every operation. One that is not here keeps its size in the first case of the operation.
SIZES: Mapping[str, int] = {"B": 4, "N": 4, "T": 256, "S": 256, "H": 64, "Hv": 64, "D": 256, "F": 64, "C": 10}
# T is 256 or so in one head; without a batch that is too little work to look at.
UNBATCHED = {"T": 512, "S": 512}


def bench_sizes(op: Op) -> dict[str, int]:
    """The size of each axis letter of `op`."""
    sizes = {**SIZES, **({} if "B" in op.sizes[0] else UNBATCHED)}
    return {axis: sizes.get(axis, size) for axis, size in op.sizes[0].items()}
