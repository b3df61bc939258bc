"""Is a gradient of zeros right? It is where the function is constant around the inputs, but for jumps: floor, sign, one-hot."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from parity.compare.compare import compare
from parity.data.dtypes import epsilon
from parity.data.input_variant import InputVariant
from parity.judge import tolerances, variants
from parity.judge.rungs.leaf import Leaf

NOTE = (
    "the gradient is zero on both sides, and so is the change of the outputs when the input moves: "
    "the function is constant around these inputs"
)


def is_constant_around(leaf: Leaf, name: str) -> bool:
    """Do the outputs that are differentiated change in jumps alone when this input alone moves, on both sides?

    Behind a stopped gradient they change smoothly. A saturated function is constant too, and hides a stopped gradient: on
    inputs further away both gradients have to agree as well.
    """
    return leaf.cache.once(("constant around", name, leaf.variant.regime), lambda: _is_constant_around(leaf, name))


def _is_constant_around(leaf: Leaf, name: str) -> bool:
    base = leaf.variant.rounded("float64")  # numbers rounded to less would not move
    for elsewhere in variants.one_elsewhere(base, name):
        statistics = leaf.statistics("float64", elsewhere)
        if statistics is None or not statistics.error <= tolerances.FLOAT64_EQUAL:
            return False
    return all(_only_jumps(leaf, side, ray) for side in leaf.cache.sides for ray in variants.rays(base, name))


def _only_jumps(leaf: Leaf, side: str, ray: Sequence[InputVariant]) -> bool:
    """Is each output the same at the two nearest points of a ray, and then from point to point the same or a jump away?

    The inputs themselves may be at a jump. A change is no jump if a smooth one of its size would not show one step nearer.
    """
    results = [leaf.cache.result(side, "float64", "eager", variant) for variant in ray]
    if any(result.problems or result.outputs.keys() != results[0].outputs.keys() for result in results):
        return False
    for key, value in results[0].outputs.items():
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fc":
            continue
        points = [np.asarray(result.outputs[key]) for result in results]
        if len({point.shape for point in points}) > 1 or compare(points[0], points[1]).mismatches:
            return False
        size = np.abs(points[0])
        least = tolerances.JUMP_LEAST_UNITS * epsilon("float64") * size.max(initial=0.0, where=np.isfinite(size))
        with np.errstate(all="ignore"):
            changes = (np.abs(far - near) for near, far in pairwise(points))
            if any(((change > 0) & (change <= least)).any() for change in changes):
                return False
    return True
