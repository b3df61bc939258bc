"""One subject in one framework, whose phases are measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class PhasesTask:
    """One subject in one framework.

    Attributes:
        sizes: axis letter → size; by default those of `parity.bench.subjects.sizes`.
    """

    backend: str
    op: str
    kind: str
    dtype: str
    sizes: Mapping[str, int] | None = None

    @property
    def name(self) -> str:
        """The same in every run of the same task."""
        return f"phases {self.op} {self.kind} {self.dtype} {self.backend}"
