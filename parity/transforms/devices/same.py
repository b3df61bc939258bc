"""Whether two sets of named float64 arrays are the same but for rounding, and one verdict for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from parity.finding import Verdict
from parity.tolerances import FLOAT64_EQUAL


@dataclass(frozen=True)
class Difference:
    """The worst of all leaves.

    Attributes:
        error: largest difference as a fraction of the largest magnitude of its leaf; NaN if nothing could be subtracted.
        words: what was compared, and what is wrong with it.
    """

    verdict: Verdict
    error: float
    words: str


def difference(actual: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], what: str) -> Difference:
    """Compares by name. `what` says in a few words which two are compared.

    STRUCTURE where names, shapes or dtypes differ, VACUOUS where there is nothing to tell apart, SEMANTIC above
    `FLOAT64_EQUAL` and where a number is not finite, else EXACT or ROUNDING.
    """
    if set(actual) != set(expected):
        words = f"got {sorted(actual) or 'nothing'}, expected {sorted(expected) or 'nothing'}"
        return Difference(Verdict.STRUCTURE, float("nan"), f"{what}: {words}")
    if not expected:
        return Difference(Verdict.VACUOUS, float("nan"), f"{what}: nothing to compare")
    worst = Difference(Verdict.EXACT, 0.0, f"{what}: bit-equal")
    for name, one in actual.items():
        found = _leaf(one, expected[name], f"{what}: {name}")
        if (found.verdict.severity, found.error) > (worst.verdict.severity, worst.error):
            worst = found
    return worst


def _leaf(actual: np.ndarray, expected: np.ndarray, what: str) -> Difference:
    if (actual.shape, actual.dtype) != (expected.shape, expected.dtype):
        words = f"got {actual.dtype} {actual.shape}, expected {expected.dtype} {expected.shape}"
        return Difference(Verdict.STRUCTURE, float("nan"), f"{what}: {words}")
    if not (np.isfinite(actual).all() and np.isfinite(expected).all()):
        return Difference(Verdict.SEMANTIC, float("inf"), f"{what}: not all numbers are finite")
    largest = np.abs(expected).max(initial=0.0)
    if not largest:
        return Difference(Verdict.VACUOUS, float("nan"), f"{what}: all expected numbers are zero")
    if np.array_equal(actual, expected):
        return Difference(Verdict.EXACT, 0.0, f"{what}: bit-equal")
    error = float(np.abs(actual - expected).max() / largest)
    verdict = Verdict.ROUNDING if error <= FLOAT64_EQUAL else Verdict.SEMANTIC
    return Difference(verdict, error, f"{what}: largest difference {error:.2g} of the leaf's largest magnitude")
