"""Sizes of the inputs of a benchmark: large enough to keep two cores busy, small enough to finish in a minute."""

from __future__ import annotations

from collections.abc import Mapping

from parity.spec import Op

# A letter means the same in every operation; one that is missing here keeps its size in the operation's first case. Calls take
# about a millisecond: on a shared machine a single one is off by a fifth, and it takes hundreds to resolve 2 %.
SIZES: Mapping[str, int] = {"B": 2, "N": 4, "T": 128, "S": 128, "H": 64, "Hv": 64, "D": 128, "F": 64, "C": 10}
# Without a batch, one head of the sizes above is too short a call to time.
UNBATCHED = {"T": 256, "S": 256}


def bench_sizes(op: Op) -> dict[str, int]:
    """Axis letter → size, for each axis of `op`."""
    sizes = {**SIZES, **({} if "B" in op.sizes[0] else UNBATCHED)}
    return {axis: sizes.get(axis, size) for axis, size in op.sizes[0].items()}
