"""What one cell of the matrix gave: a transformation (a row's group and name) of one operation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from parity.judge.finding import Verdict


@dataclass(frozen=True)
class Outcome:
    """One cell, judged.

    Attributes:
        op: the operation that was transformed.
        group, cell: names of the transformation, for example `vmap` and `in_axes=1`.
        verdict: the worst of the comparison across the frameworks and of the identities inside each.
        side: the side whose identity failed, or that could not do it; None where the frameworks differ from each other.
        message: what was compared and how far apart it was, or why it could not be done.
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
        return asdict(self) | {"verdict": str(self.verdict)}
