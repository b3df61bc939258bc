"""What a comparison gave, as plain data: JSON in and out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np

from parity.bench.timing.interval import Estimate, median_of
from parity.judge.serialize import plain

TIMED, FAILED = "timed", "failed"


@dataclass(frozen=True)
class Row:
    """One candidate.

    Attributes:
        status: `timed` or `failed`.
        message: why it failed.
        seconds: of one call: median, its interval `low` to `high` and its standard error as a fraction, q1, q3 and least.
        ratio: its time / that of the base; `yardstick`: its time / that of a fixed matrix product.
        verdict: against the base; empty for the base itself.
        cpu_per_wall: threads that were busy.
        compilations: programs that were made before it was timed; `recompilations`: while it was.
        flags: what makes its times doubtful.
        flops_per_s, bytes_per_s: of the work of the definition; `share_of_limit`: least possible time / its time.
    """

    name: str
    backend: str
    mode: str
    status: str
    message: str = ""
    parity: str = ""
    seconds: Mapping[str, float] | None = None
    ratio: Mapping[str, float | None] | None = None
    yardstick: Mapping[str, float | None] | None = None
    verdict: str = ""
    advice: str = ""
    cpu_per_wall: float | None = None
    compilations: int | None = None
    recompilations: int | None = None
    graph_breaks: int | None = None
    flags: tuple[str, ...] = ()
    flops_per_s: float | None = None
    bytes_per_s: float | None = None
    share_of_limit: float | None = None


@dataclass(frozen=True)
class Comparison:
    """One subject, all its candidates.

    Attributes:
        parity: what the two functions were judged to be before anything was timed.
        message: why nothing was timed at all.
        control: the base against itself, timed as if it were a further candidate.
        busy_elsewhere: processors that were busy with other programs while it was timed.
        gpu: each GPU as it was when the clock had stopped: clocks, throttle reasons, temperature, power.
        work: floating-point operations and bytes that the definition needs.
    """

    op: str
    kind: str
    dtype: str
    sizes: Mapping[str, int]
    base: str
    parity: Mapping[str, Any]
    message: str = ""
    candidates: tuple[Row, ...] = ()
    control: Mapping[str, Any] | None = None
    work: Mapping[str, float] = field(default_factory=dict)
    rounds: int = 0
    seconds: float = 0.0
    stopped: str = ""
    busy_elsewhere: float | None = None
    gpu: tuple[Mapping[str, str], ...] = ()

    @property
    def passed(self) -> bool:
        return passed(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        return plain(self)


def passed(comparison: Mapping[str, Any]) -> bool:
    """Both sides compiled were timed; what a library's function did is its own affair."""
    status = {row["name"]: row["status"] for row in comparison["candidates"]}
    return not comparison["message"] and status.get("jax.jit") == status.get("torch.compile") == TIMED


def measured(value: float) -> float | None:
    """None for NaN: too few samples for an interval, or a clock that stood still."""
    return None if math.isnan(value) else float(value)


def ratio_dict(ratio: Estimate) -> dict[str, float | None]:
    """The ratio and the ends of its interval; None for those that too few samples leave unknown."""
    return {name: measured(getattr(ratio, name)) for name in ("value", "low", "high")}


def seconds_dict(samples: Sequence[float], confidence: float) -> dict[str, Any]:
    """Median with its interval and its standard error as a fraction, quartiles and least of the samples.

    Interval and error are None where there are too few samples.
    """
    q1, q3 = np.quantile(samples, (0.25, 0.75))
    median = median_of(samples, confidence)
    return {
        "median": median.value,
        "low": measured(median.low),
        "high": measured(median.high),
        "error": measured(median.half_width / NormalDist().inv_cdf((1 + confidence) / 2)),
        "q1": float(q1),
        "q3": float(q3),
        "least": float(min(samples)),
    }
