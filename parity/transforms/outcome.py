"""What one cell of the matrix gave for one operation: a verdict, or the reason why it was skipped."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from parity.judge.finding import Verdict


@dataclass(frozen=True)
class CellOutcome:
    """A cell that was judged.

    Attributes:
        op: the operation that was transformed.
        group, cell: names of the transformation, for example `vmap` and `in_axes=1`.
        verdict: the worst of the comparison across the frameworks and of the identities inside each.
        side: the side whose identity failed, or that raised; None where the frameworks differ from each other.
        message: what was compared and how far apart it was, or the framework's error.
        error: largest difference, as a fraction of the largest magnitude.
        seconds: how long the cell took on both sides.
    """

    op: str
    group: str
    cell: str
    verdict: Verdict
    side: str | None = None
    message: str = ""
    error: float = 0.0
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The attributes by name, as in `transforms.json`."""
        return asdict(self) | {"verdict": str(self.verdict)}


@dataclass(frozen=True)
class SkippedCell:
    """A cell that does not apply to an operation, and why."""

    op: str
    group: str
    cell: str
    reason: str
