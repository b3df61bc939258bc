"""The result of a comparison as plain data: what bench.json holds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np

from parity.bench.timing.interval import Estimate, median_of
from parity.judge.serialize import plain
from parity.sides import COMPILERS

TIMED, FAILED = "timed", "failed"
# Field → key in bench.json, where the two differ.
_KEYS = {"normalized": "yardstick", "cost": "work", "host_load": "busy_elsewhere"}


@dataclass(frozen=True)
class CandidateResult:
    """One candidate.

    Attributes:
        status: `timed` or `failed`.
        message: why it failed.
        seconds: of one call: median, its interval `low` to `high`, its standard error as a fraction, q1, q3 and least.
        ratio: its time / the time of the base, with the interval.
        normalized: its time / the time of a fixed matrix product, with the interval.
        verdict: against the base; empty for the base itself.
        cpu_per_wall: mean number of busy threads.
        compilations: programs compiled before it was timed; `recompilations`: while it was timed.
        flags: reasons to doubt its times.
        flops_per_s, bytes_per_s: `Comparison.cost` / its median time.
        share_of_limit: least possible time by the roofline model / its median time.
    """

    name: str
    backend: str
    mode: str
    status: str
    message: str = ""
    parity: str = ""
    seconds: Mapping[str, float] | None = None
    ratio: Mapping[str, float | None] | None = None
    normalized: Mapping[str, float | None] | None = None
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
    """One subject with all its candidates.

    Attributes:
        parity: the verdict on the two functions before anything was timed.
        message: why nothing was timed at all.
        control: the base against itself, timed like another candidate.
        cost: `flops` and `bytes` of the definition.
        rounds: of the candidate that had the most.
        seconds: that timing took in all.
        stopped: `precision` or `budget`.
        host_load: mean number of processors that other programs kept busy meanwhile.
        gpu: the state of each GPU after timing: clocks, throttle reasons, temperature, power.
    """

    op: str
    kind: str
    dtype: str
    sizes: Mapping[str, int]
    base: str
    parity: Mapping[str, Any]
    message: str = ""
    candidates: tuple[CandidateResult, ...] = ()
    control: Mapping[str, Any] | None = None
    cost: Mapping[str, float] = field(default_factory=dict)
    rounds: int = 0
    seconds: float = 0.0
    stopped: str = ""
    host_load: float | None = None
    gpu: tuple[Mapping[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The entry of bench.json."""
        content = asdict(self, dict_factory=lambda fields: {_KEYS.get(name, name): value for name, value in fields})
        entry: dict[str, Any] = plain(content)
        return entry


def label(op: str, kind: str, dtype: str, sizes: Mapping[str, int]) -> str:
    """`attention forward float32 [H=64, T=128]`; without the brackets where there are no sizes."""
    listed = ", ".join(f"{axis}={size}" for axis, size in sorted(sizes.items()))
    return f"{op} {kind} {dtype}" + (f" [{listed}]" if sizes else "")


def passed(comparison: Mapping[str, Any]) -> bool:
    """Both compilers were timed; a library's function may fail."""
    status = {row["name"]: row["status"] for row in comparison["candidates"]}
    return not comparison["message"] and all(status.get(name) == TIMED for name in COMPILERS.values())


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
