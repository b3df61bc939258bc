"""What an edited program has to give: the leaves of the other side, and how close is close enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity.compare.compare import compare
from parity.judge.tolerances import CAUSE_FALL, CAUSE_FLOOR, CAUSE_SPOILS


def leaf_error(actual: Any, expected: Any) -> float:
    """Largest difference over the leaf's largest magnitude; infinite if the shapes differ, 1 if whole numbers do."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        return float("inf")
    if actual.size == 0:
        return 0.0
    if actual.dtype.kind in "iub" and expected.dtype.kind in "iub":
        return 0.0 if np.array_equal(actual, expected) else 1.0
    wide = np.complex128 if "c" in (actual.dtype.kind, expected.dtype.kind) else np.float64
    return compare(actual.astype(wide), expected.astype(wide)).error


@dataclass(frozen=True)
class Goal:
    """Leaves that one side should have.

    Attributes:
        leaves: the other side's values.
        before: leaf → error of this side without an edit.
        failing: leaves that the check found different.
    """

    leaves: Mapping[str, np.ndarray]
    before: Mapping[str, float]
    failing: tuple[str, ...]

    def error(self, leaves: Mapping[str, Any], name: str) -> float:
        """The error of one leaf; infinite where it is NaN."""
        error = leaf_error(leaves[name], self.leaves[name])
        return error if error == error else float("inf")

    def only(self, names: Iterable[str]) -> Goal:
        """The same for some of the leaves."""
        kept = set(names)
        leaves = {name: leaf for name, leaf in self.leaves.items() if name in kept}
        return Goal(leaves, self.before, tuple(name for name in self.failing if name in kept))

    def explained(self, leaves: Mapping[str, Any]) -> tuple[str, ...]:
        """The failing leaves that agree in `leaves`; none if a leaf that agreed before no longer does."""
        agreeing = []
        for name in leaves:
            if name not in self.leaves:
                continue
            error = self.error(leaves, name)
            if name in self.failing:
                if error <= CAUSE_FLOOR and error <= CAUSE_FALL * self.before[name]:
                    agreeing.append(name)
            elif error > max(CAUSE_FLOOR, CAUSE_SPOILS * self.before[name]):
                return ()
        return tuple(agreeing)
