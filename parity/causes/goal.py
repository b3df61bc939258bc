"""What a candidate has to explain: the leaves of the other side, and how far from them is close enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity.compare.compare import compare
from parity.execution.run_cache import as_float64
from parity.judge import tolerances

FLOOR, FALL = tolerances.CAUSE_FLOOR, tolerances.CAUSE_FALL


def leaf_error(actual: Any, expected: Any) -> float:
    """Largest difference over the leaf's largest magnitude; infinite if they cannot be subtracted."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        return float("inf")
    if actual.size == 0:
        return 0.0
    if actual.dtype.kind in "iub" and expected.dtype.kind in "iub":
        return 0.0 if np.array_equal(actual, expected) else 1.0
    return compare(as_float64(actual), as_float64(expected)).error


@dataclass(frozen=True)
class Target:
    """Leaves that one side should have.

    Attributes:
        leaves: the other side's values.
        before: leaf → error of this side as it is.
        failing: leaves that the check found different.
    """

    leaves: Mapping[str, np.ndarray]
    before: Mapping[str, float]
    failing: tuple[str, ...]

    def error(self, leaves: Mapping[str, Any], names: Iterable[str]) -> float:
        """The largest error among `names`, which stops at the first that is not close."""
        worst = 0.0
        for name in names:
            error = leaf_error(leaves[name], self.leaves[name])
            worst = max(worst, error) if error == error else float("inf")
            if worst > FLOOR:
                break
        return worst

    def only(self, names: Iterable[str]) -> Target:
        kept = set(names)
        leaves = {name: leaf for name, leaf in self.leaves.items() if name in kept}
        return Target(leaves, self.before, tuple(name for name in self.failing if name in kept))

    def healed(self, leaves: Mapping[str, Any]) -> tuple[str, ...]:
        """The failing leaves that are close now; none if a leaf that was close no longer is."""
        healed = []
        for name in leaves:
            if name not in self.leaves:
                continue
            error = leaf_error(leaves[name], self.leaves[name])
            if name in self.failing:
                if error <= FLOOR and error <= FALL * self.before[name]:
                    healed.append(name)
            elif not error <= max(FLOOR, 10 * self.before[name]):
                return ()
        return tuple(healed)
