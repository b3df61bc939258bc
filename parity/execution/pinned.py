"""The precision that the code of both sides has of its own."""

from __future__ import annotations

from dataclasses import dataclass

from parity.execution.lifting import PinnedSteps
from parity.execution.result import Problem


@dataclass(frozen=True)
class Pinned:
    """What the code of both sides says about its own precision.

    Attributes:
        steps: side → the steps that have a precision below float64; none where nothing is pinned.
        held: side → dtype and shape of the arrays that its code holds in less than float64.
        problems: side → why it cannot be lifted.
    """

    steps: dict[str, PinnedSteps]
    held: dict[str, set[tuple[str, tuple[int, ...]]]]
    problems: dict[str, Problem]

    @property
    def is_lifted(self) -> bool:
        """Are the float64 runs those of the lifted functions? Only where it makes a difference, and both can be lifted."""
        return not self.problems and any(steps.counts for steps in self.steps.values())
