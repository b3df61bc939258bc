"""How times grow with a size: the exponent of a power law, and the sizes at which one side overtakes the other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np

from parity.bench.timing.verdict import Speed

# The time at the smallest size holds all of the fixed overhead (a call, a dispatch, the start of threads). What takes three
# times as long is overhead by a third at most, and three is no power of two: where sizes double, noise moves no point across.
ABOVE_SMALLEST = 3.0
# A line through two points has no error to show.
FEWEST = 3
CONFIDENCE = 0.99
# Of a time, as a fraction: no clock is better, and samples that are all alike would give a point all the weight.
LEAST_ERROR = 1e-3
# The two that are compared, by the verdict of torch.compile against jax.jit.
FASTER = {Speed.FASTER: "torch.compile", Speed.SLOWER: "jax.jit"}


@dataclass(frozen=True)
class Exponent:
    """time ~ size^value over the sizes from `smallest` to `largest`, with its confidence interval."""

    value: float
    low: float
    high: float
    smallest: float
    largest: float

    def to_dict(self) -> dict[str, Any]:
        sizes = [self.smallest, self.largest]
        return {"value": self.value, "low": self.low, "high": self.high, "sizes": sizes}


@dataclass(frozen=True)
class Decided:
    """A size at which one of the two was faster; `ratio` is the time of torch.compile / that of jax.jit."""

    size: float
    ratio: float
    faster: str


@dataclass(frozen=True)
class Crossover:
    """The size from which another one is faster.

    Attributes:
        between: the sizes around it that were decided.
        adjacent: no size between these two was left undecided, so that `size` may be given by itself.
    """

    size: float
    faster_above: str
    between: tuple[float, float]
    adjacent: bool

    def to_dict(self) -> dict[str, Any]:
        return {"size": self.size, "faster_above": self.faster_above, "between": list(self.between)}

    def where(self, axis: str) -> str:
        if self.adjacent:
            return f"above {axis} = {float(f'{self.size:.3g}'):g}"
        return f"above some {axis} between {self.between[0]:g} and {self.between[1]:g}"


def upper(sizes: Sequence[float], seconds: Sequence[float]) -> list[int]:
    """Which points say how the work grows: those of `ABOVE_SMALLEST` times the time at the smallest size.

    The largest `FEWEST` where fewer take so long: there the overhead may rule, which the low exponent then tells.
    """
    rising = sorted(range(len(sizes)), key=lambda index: sizes[index])
    long = [index for index in rising if seconds[index] >= ABOVE_SMALLEST * seconds[rising[0]]]
    return long if len(long) >= FEWEST else rising[-FEWEST:]


def exponent(
    sizes: Sequence[float], seconds: Sequence[float], errors: Sequence[float], confidence: float = CONFIDENCE
) -> Exponent | None:
    """The slope of log time on log size by weighted least squares; None for fewer than three sizes.

    The interval is that of the errors of the times, widened where the points are further from the line than these allow
    (the Birge ratio): few points and no noise still give a wide one if the times follow no power law.

    Args:
        errors: standard error of each time, as a fraction of it.
    """
    if len(sizes) < FEWEST:
        return None
    points = upper(sizes, seconds)
    chosen = [sizes[index] for index in points]
    x, y = np.log(chosen), np.log([seconds[index] for index in points])
    certain = np.maximum([errors[index] for index in points], LEAST_ERROR)
    (slope, offset), covariance = np.polyfit(x, y, 1, w=1 / certain, cov="unscaled")
    misfit = float((((y - slope * x - offset) / certain) ** 2).sum()) / (len(points) - 2)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(covariance[0, 0] * max(1.0, misfit))
    return Exponent(float(slope), float(slope) - half, float(slope) + half, min(chosen), max(chosen))


def decided(points: Sequence[Mapping[str, Any]]) -> list[Decided]:
    """The points that say who is faster, by rising size. SAME, CANNOT TELL and what was not timed say nothing."""
    rising = sorted(points, key=lambda point: point["size"])
    return [
        Decided(point["size"], point["ratio"]["value"], FASTER[Speed(point["verdict"])])
        for point in rising
        if point["ratio"] and point["verdict"] in tuple(FASTER)
    ]


def crossovers(points: Sequence[Mapping[str, Any]]) -> list[Crossover]:
    """Where the ratio passes 1: the straight line of log ratio on log size between two neighbours that were decided."""
    sizes, found = [point["size"] for point in points], []
    certain = decided(points)
    for left, right in pairwise(certain):
        if left.faster != right.faster:
            start, end = math.log(left.ratio), math.log(right.ratio)
            part = start / (start - end)
            size = math.exp(math.log(left.size) + part * math.log(right.size / left.size))
            adjacent = not any(left.size < size < right.size for size in sizes)
            found.append(Crossover(size, right.faster, (left.size, right.size), adjacent))
    return found


def summary(axis: str, points: Sequence[Mapping[str, Any]]) -> str:
    """Who is faster at which sizes, in one sentence."""
    certain, crossings = decided(points), crossovers(points)
    if crossings:
        first, *others = crossings
        more = [f", {crossing.faster_above} {crossing.where(axis)}" for crossing in others]
        return f"{first.faster_above} is faster {first.where(axis)}{''.join(more)}"
    timed = sorted(point["size"] for point in points if point["ratio"])
    if not timed:
        return "nothing could be timed"
    if not certain:
        if all(point["verdict"] == Speed.SAME for point in points if point["ratio"]):
            return f"both are equally fast at every {axis} that was timed, {_span(timed)}"
        return "no difference could be told"
    if len(certain) == len(points):
        return f"{certain[0].faster} is faster at every {axis} {_span(timed)}"
    sizes = ", ".join(f"{one.size:g}" for one in certain)
    return f"{certain[0].faster} is faster at {axis} = {sizes}; no difference could be told elsewhere"


def _span(sizes: Sequence[float]) -> str:
    return f"from {sizes[0]:g} to {sizes[-1]:g}" if len(sizes) > 1 else f"= {sizes[0]:g}"
