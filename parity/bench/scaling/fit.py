"""How times grow with a size: the exponent of a power law, and the sizes where one side overtakes the other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np

from parity.bench.timing.verdict import Speed
from parity.sides import COMPILERS, JAX, TORCH

# The time at the smallest size includes all of the fixed overhead (a call, a dispatch, starting threads). A time three times
# as long is at most one third overhead. Three is no power of two: where sizes double, noise moves no point across the line.
ABOVE_SMALLEST = 3.0
# Two points leave no degree of freedom to estimate an error from.
MIN_POINTS = 3
CONFIDENCE = 0.99
# Smallest relative error of a time: no clock is better, and identical samples would give one point all the weight.
MIN_ERROR = 1e-3
# Who is faster, by the verdict of torch.compile against jax.jit.
FASTER = {Speed.FASTER: COMPILERS[TORCH], Speed.SLOWER: COMPILERS[JAX]}


@dataclass(frozen=True)
class Exponent:
    """time ~ size^value for sizes from `smallest` to `largest`, with its confidence interval."""

    value: float
    low: float
    high: float
    smallest: float
    largest: float

    def to_dict(self) -> dict[str, Any]:
        """The entry of bench.json."""
        return {"value": self.value, "low": self.low, "high": self.high, "sizes": [self.smallest, self.largest]}


@dataclass(frozen=True)
class Decided:
    """A size at which one side is certainly faster; `ratio` is time of torch.compile / time of jax.jit."""

    size: float
    ratio: float
    faster: str


@dataclass(frozen=True)
class Crossover:
    """The size above which the other side is faster.

    Attributes:
        size: interpolated between the two sizes in `between`.
        between: the nearest sizes on either side with a certain verdict.
        adjacent: no undecided size lies between these two, so `size` can stand alone.
    """

    size: float
    faster_above: str
    between: tuple[float, float]
    adjacent: bool

    def to_dict(self) -> dict[str, Any]:
        """The entry of bench.json."""
        return {"size": self.size, "faster_above": self.faster_above, "between": list(self.between)}

    def where(self, axis: str) -> str:
        """`above T = 256`."""
        if self.adjacent:
            return f"above {axis} = {float(f'{self.size:.3g}'):g}"
        return f"above some {axis} between {self.between[0]:g} and {self.between[1]:g}"


def upper(sizes: Sequence[float], seconds: Sequence[float]) -> list[int]:
    """Indices of the sizes that take at least `ABOVE_SMALLEST` times as long as the smallest: there the overhead is small.

    The largest `MIN_POINTS` sizes where fewer take that long; overhead may then dominate, and the exponent comes out low.
    """
    rising = sorted(range(len(sizes)), key=lambda index: sizes[index])
    slow = [index for index in rising if seconds[index] >= ABOVE_SMALLEST * seconds[rising[0]]]
    return slow if len(slow) >= MIN_POINTS else rising[-MIN_POINTS:]


def exponent(
    sizes: Sequence[float], seconds: Sequence[float], errors: Sequence[float], confidence: float = CONFIDENCE
) -> Exponent | None:
    """The slope of log time on log size by weighted least squares; None for fewer than `MIN_POINTS` sizes.

    The interval is the wider one of two. The first trusts `errors` (normal quantile). The second trusts only their ratios and
    estimates their scale from the residuals (Student's t with n - 2 degrees of freedom), which covers errors that are all too
    small by one factor and times that follow no power law.

    Args:
        errors: standard error of each time, as a fraction of it.
    """
    if len(sizes) < MIN_POINTS:
        return None
    from scipy.stats import t  # slow to import

    points = upper(sizes, seconds)
    fitted_sizes = [sizes[index] for index in points]
    x, y = np.log(fitted_sizes), np.log([seconds[index] for index in points])
    sigma = np.maximum([errors[index] for index in points], MIN_ERROR)
    (slope, offset), covariance = np.polyfit(x, y, 1, w=1 / sigma, cov="unscaled")
    freedom = len(points) - 2
    scale = math.sqrt(float((((y - slope * x - offset) / sigma) ** 2).sum()) / freedom)
    tail = (1 + confidence) / 2
    quantile = max(NormalDist().inv_cdf(tail), float(t.ppf(tail, freedom)) * scale)
    half = quantile * math.sqrt(covariance[0, 0])
    return Exponent(float(slope), float(slope) - half, float(slope) + half, min(fitted_sizes), max(fitted_sizes))


def decided(points: Sequence[Mapping[str, Any]]) -> list[Decided]:
    """The points where one side is certainly faster, by rising size; not those that are SAME, CANNOT TELL or untimed."""
    rising = sorted(points, key=lambda point: point["size"])
    return [
        Decided(point["size"], point["ratio"]["value"], FASTER[Speed(point["verdict"])])
        for point in rising
        if point["ratio"] and point["verdict"] in tuple(FASTER)
    ]


def crossovers(points: Sequence[Mapping[str, Any]]) -> list[Crossover]:
    """Where the ratio passes 1, by linear interpolation of log ratio on log size between decided neighbours."""
    sizes, crossings = [point["size"] for point in points], []
    for left, right in pairwise(decided(points)):
        if left.faster != right.faster:
            start, end = math.log(left.ratio), math.log(right.ratio)
            fraction = start / (start - end)
            size = left.size * (right.size / left.size) ** fraction
            adjacent = not any(left.size < size < right.size for size in sizes)
            crossings.append(Crossover(size, right.faster, (left.size, right.size), adjacent))
    return crossings


def summary(axis: str, points: Sequence[Mapping[str, Any]]) -> str:
    """Who is faster at which sizes, in one sentence."""
    certain, crossings = decided(points), crossovers(points)
    if crossings:
        first, *later = crossings
        more = [f", {crossing.faster_above} {crossing.where(axis)}" for crossing in later]
        return f"{first.faster_above} is faster {first.where(axis)}{''.join(more)}"
    timed = [point for point in points if point["ratio"]]
    if not timed:
        return "nothing could be timed"
    sizes = sorted(point["size"] for point in timed)
    if not certain:
        if all(point["verdict"] == Speed.SAME for point in timed):
            return f"both are equally fast at every {axis} that was timed, {_span(sizes)}"
        return "no certain difference"
    if len(certain) == len(points):
        return f"{certain[0].faster} is faster at every {axis} {_span(sizes)}"
    where = ", ".join(f"{point.size:g}" for point in certain)
    return f"{certain[0].faster} is faster at {axis} = {where}; no certain difference at other sizes"


def _span(sizes: Sequence[float]) -> str:
    return f"from {sizes[0]:g} to {sizes[-1]:g}" if len(sizes) > 1 else f"= {sizes[0]:g}"
