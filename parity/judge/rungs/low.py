"""float32 and below: is the arithmetic as good?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from parity.compare.compare import compare
from parity.data.dtypes import epsilon, largest
from parity.execution.run_cache import InputVariant, is_discrete
from parity.judge import tolerances
from parity.judge.finding import Finding, Verdict
from parity.judge.rungs import discrete
from parity.judge.rungs.error_ratio import compare_sides
from parity.judge.rungs.leaf import Leaf
from parity.sides import SIDES


def judge(leaf: Leaf, finding: Finding, float64: Finding | None) -> Finding:
    """The verdict of a lower rung, given what the float64 rung said about the leaf (None: it could not be run)."""
    if finding.mismatches == 0:
        return finding
    pair, truth = leaf.judged(), leaf.truth(leaf.values)
    if float64 is not None and float64.verdict is Verdict.VACUOUS:
        return replace(finding, verdict=Verdict.VACUOUS, message=float64.message)
    is_same = float64 is not None and float64.verdict.severity <= Verdict.STABILITY.severity
    if truth is None or truth.shape != pair[0].shape or not is_same:
        word = f"the float64 rung says {float64.verdict}" if float64 else "a side has no float64 result"
        words = f"no float64 truth to judge by: {word}; mend that first, or pass reference="
        return replace(finding, verdict=Verdict.INCONCLUSIVE, message=words)
    if is_discrete(pair[0]):
        return discrete.judge(leaf, finding, truth)
    lost = {side: _lost(value, truth, leaf.dtype) for side, value in zip(SIDES, pair, strict=True)}
    if any(lost.values()):
        worse = max(SIDES, key=lambda side: lost[side]) if lost["jax"] != lost["torch"] else None
        counts = ", ".join(f"{side} {count} of {finding.size}" for side, count in lost.items())
        words = f"not finite where the float64 truth is: {counts}"
        return replace(finding, verdict=Verdict.STABILITY, side=worse, message=words)
    if _is_copy(leaf, truth):
        wrong = {
            side: compare(value, truth.astype(value.dtype)).mismatches for side, value in zip(SIDES, pair, strict=True)
        }
        if any(wrong.values()) and not leaf.is_zero_but_for_rounding():
            worse = max(SIDES, key=lambda side: wrong[side]) if wrong["jax"] != wrong["torch"] else None
            counts = ", ".join(f"{side} {count} of {finding.size}" for side, count in wrong.items())
            words = f"every true value copies an input, so that no rounding is owed; not equal to it: {counts}"
            return replace(finding, verdict=Verdict.STABILITY, side=worse, message=words)
    sides = compare_sides(leaf)
    if not sides.has_digits and (sides.worse or leaf.values.regime != "unit"):
        words = f"no digit is right in {leaf.dtype} on either side, nothing was compared; {sides.words}"
        return replace(finding, verdict=Verdict.VACUOUS, message=words)
    verdict = Verdict.STABILITY if sides.worse else Verdict.ROUNDING
    return replace(finding, verdict=verdict, side=sides.worse, message=sides.words)


def _lost(value: np.ndarray, truth: np.ndarray, dtype: str) -> int:
    """Elements that are not finite although their true value has a place in `dtype`."""
    return int((~np.isfinite(value) & np.isfinite(truth) & (np.abs(truth) <= largest(dtype))).sum())


def _is_copy(leaf: Leaf, truth: np.ndarray) -> bool:
    """A copy, permutation or look-up: every true value is that of an element of the inputs, and stays so when they move.

    A saturated softmax copies too, but which row hangs on a rounding of its logits.
    """
    size = tolerances.EXCUSE_UNITS * epsilon(leaf.dtype)
    # In float32, since bfloat16 would make equal numbers of most.
    moved = [replace(leaf.values, rounded_to="float32", again=k, again_size=size) for k in (1, 2)]
    truths, elements = [truth], [_elements(leaf, leaf.values)]
    if truth.dtype.kind != "f" or not np.isin(truth, elements[0]).all():
        return False
    for values in moved:
        other = leaf.truth(values)
        if other is None:
            return False
        truths.append(other)
        elements.append(_elements(leaf, values))
    return bool(np.isin(_triples(truths), _triples(elements)).all())


def _triples(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Elements with their moved values, each as one thing that can be looked up; -0 is 0."""
    rows = np.stack([array.ravel().astype(np.float64) + 0.0 for array in arrays], axis=-1)
    return np.ascontiguousarray(rows).view(f"V{8 * len(arrays)}").ravel()


def _elements(leaf: Leaf, values: InputVariant) -> np.ndarray:
    arrays = [array.ravel() for array in leaf.evidence.inputs(values).values() if array.dtype.kind == "f"]
    return np.concatenate(arrays) if arrays else np.empty(0)
