"""The words of a judgement: verdict, cause, finding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# How the message of a lower precision begins that repeats what float64 says.
REPEATED = "differs in float64 already"


def decimal(value: float) -> str:
    """Three significant digits, as in messages."""
    return "nan" if math.isnan(value) else f"{value:.3g}"


class Verdict(StrEnum):
    """One word for one comparison, from best to worst: a report's verdict is the worst of its findings."""

    EXACT = "EXACT"  # bit-equal
    ROUNDING = "ROUNDING"  # same function; both sides about equally far from the float64 truth
    CONVENTION = "CONVENTION"  # differs as a declared deviation says
    INCONCLUSIVE = "INCONCLUSIVE"  # the evidence does not decide
    VACUOUS = "VACUOUS"  # nothing was compared, or the comparison could not have failed
    STABILITY = "STABILITY"  # same function, but one side's arithmetic is much further from the truth
    INTERNAL_PRECISION = "INTERNAL_PRECISION"  # a float32 or lower step hides inside a float64 run
    SEMANTIC = "SEMANTIC"  # a different function
    STRUCTURE = "STRUCTURE"  # names, shapes, dtypes or tree differ
    ERROR = "ERROR"  # a side raised, timed out or died

    @property
    def passes(self) -> bool:
        """Does a comparison with this verdict pass?"""
        return self in (Verdict.EXACT, Verdict.ROUNDING, Verdict.CONVENTION)

    @property
    def severity(self) -> int:
        """0 for the best verdict."""
        return list(Verdict).index(self)


@dataclass(frozen=True)
class Cause:
    """What is probably wrong, and the evidence that it rests on."""

    name: str
    evidence: str

    def __str__(self) -> str:
        return f"{self.name} ({self.evidence})" if self.evidence else self.name


@dataclass(frozen=True)
class Finding:
    """The judgement of one leaf on one precision rung in one mode.

    Attributes:
        leaf: `out`, `out/0`, `out/loss`, `grad/query`, or `in/query` for an input that was written into.
        dtype: the rung, for example `float64`.
        mode: `eager` or `compiled`.
        side: `jax` or `torch` where one is at fault and it can be known, else None.
        causes: most likely first; empty when nothing is claimed.
        error: largest difference as a fraction of the largest magnitude of the leaf, from 0 to inf; NaN if nothing
            could be subtracted.
        index: where the largest difference is, None where there is none.
        actual: JAX's value there.
        expected: torch's value there.
        truth: the float64 value there, where there is one.
        message: the evidence for the verdict, in a sentence.
        mismatches: how many elements are not equal, of `size`.
        max_ulp: the largest distance in representable numbers of the leaf's dtype.
        regime: the kind of inputs, `unit` for the caller's own.
        warning: passes, but its message is worth reading.
        notes: what else is worth knowing, such as the steps that have a precision of their own.
    """

    leaf: str
    dtype: str
    mode: str
    verdict: Verdict
    side: str | None = None
    causes: tuple[Cause, ...] = ()
    error: float = float("nan")
    index: tuple[int, ...] | None = None
    actual: Any = None
    expected: Any = None
    truth: Any = None
    message: str = ""
    mismatches: int = 0
    size: int = 0
    max_ulp: int | None = None
    regime: str = "unit"
    warning: bool = False
    notes: tuple[str, ...] = ()
