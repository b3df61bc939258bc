"""A comparison that could not have failed is no pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from parity.compare.compare import Statistics, compare
from parity.data.leaf import LeafName
from parity.judge import variants
from parity.judge.finding import Finding, Verdict
from parity.judge.rungs import constant
from parity.judge.rungs.leaf import Leaf


def vacuous(leaf: Leaf, finding: Finding, statistics: Statistics) -> Finding | None:
    """The finding of a comparison that says nothing; None if it says something."""
    name = LeafName(leaf.name)
    reason = _reason(statistics, name.is_gradient) or _same_complex(leaf, statistics, name.is_gradient)
    if not reason:
        return None
    if name.is_gradient and statistics.highest_actual == 0 and statistics.lowest_actual == 0:
        if not _output_depends_on(leaf, name.path):
            return replace(
                finding,
                warning=True,
                message=f"no output depends on {name.path} on either side: changed as a test, it changed none",
            )
        if leaf.is_zero_but_for_rounding():
            return None
        if constant.is_constant_around(leaf, name.path):
            return replace(finding, message=constant.NOTE, notes=(*finding.notes, f"{leaf.name}: {constant.NOTE}"))
        reason = (
            f"no gradient flows to {name.path} on either side, although the outputs depend on it: every element is zero; "
            "exclude it with wrt="
        )
    return replace(finding, verdict=Verdict.VACUOUS, message=reason)


def _reason(statistics: Statistics, is_gradient: bool) -> str:
    if statistics.size == 0:
        return "the leaf is empty: nothing was compared"
    if statistics.nan_actual == statistics.nan_expected == statistics.size:
        return "all NaN on both sides: no number was compared; use inputs inside the function's domain"
    lowest, highest = statistics.lowest_actual, statistics.highest_actual
    if statistics.mismatches or lowest != highest:
        return ""
    if highest is None:
        return "no finite number on either side: use inputs inside the function's domain"
    if highest == 0:
        return "every element is zero on both sides: a broken function could give the same; use other inputs"
    # The gradient of a sum or a mean is constant, and yet a number that the random cotangent decides.
    if statistics.size > 1 and not is_gradient:
        return f"every element is {highest:g} on both sides: constant; use other inputs"
    return ""


def _same_complex(leaf: Leaf, statistics: Statistics, is_gradient: bool) -> str:
    """The same for a complex number, whose real and imaginary part differ."""
    value = leaf.judged()[0]
    if statistics.mismatches or statistics.size < 2 or is_gradient or value.dtype.kind != "c":
        return ""
    number = value.flat[0]
    is_same = np.isfinite(number) and bool((value == number).all())
    return f"every element is {number:g} on both sides: constant; use other inputs" if is_same else ""


def _output_depends_on(leaf: Leaf, name: str) -> bool:
    """Does any output of either side change when this input alone changes?"""
    changed = variants.one_changed(leaf.variant, name)
    leaf.cache.release_moved()  # these runs are asked for by nothing else, and are as large as the others
    for side in leaf.cache.sides:
        before = leaf.cache.result(side, "float64", "eager", leaf.variant).outputs
        after = leaf.cache.result(side, "float64", "eager", changed)
        if after.problems:
            return True
        for key, value in before.items():
            other = after.outputs.get(key)
            if isinstance(value, np.ndarray) and isinstance(other, np.ndarray) and _changed(value, other):
                return True
    return False


def _changed(before: np.ndarray, after: np.ndarray) -> bool:
    return before.shape != after.shape or compare(before, after).mismatches > 0
