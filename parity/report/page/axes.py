"""Logarithmic axes with few, round ticks, pictures of rows, and the marks of both frameworks in a legend."""

from __future__ import annotations

from collections.abc import Callable
from math import floor, log10
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import blended_transform_factory

from parity.report.page.svg import COLOUR, INK, MARKER, PAPER, QUIET
from parity.sides import LABELS

_FACTORS = (1, 2, 5), (1, 1.5, 2, 3, 5, 7)


def log_ticks(axis: Axis, limits: tuple[float, float], most: int, label: Callable[[float], str]) -> None:
    """At most `most` ticks within `limits`, labelled by `label`."""
    axis.set_major_locator(FixedLocator(steps(*limits, most)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: label(value)))


def steps(low: float, high: float, most: int) -> list[float]:
    """Ticks at 1, 2, 5, 10, …, finer, at every decade or every n-th; evenly spaced if the range is too short for these."""
    decades = range(floor(log10(low)), floor(log10(high)) + 1)
    choices = [[factor * 10.0**power for power in decades for factor in factors] for factors in _FACTORS]
    choices += [[10.0**power for power in decades if power % every == 0] for every in range(1, len(decades) + 1)]
    for choice in choices:
        inside = [step for step in choice if low <= step <= high]
        if 3 <= len(inside) <= most:
            return inside
    even = MaxNLocator(min(most, 4)).tick_values(low, high)
    return [float(step) for step in even if step > 0 and low <= step <= high]


def legend(figure: Figure, handles: list[Any], narrow: bool) -> None:
    """A legend above the axes, in two columns on a narrow picture."""
    columns = 2 if narrow else 4
    figure.legend(handles=handles, loc="outside upper left", ncols=columns, borderaxespad=0.2, handlelength=1.6)


def marks(line: Any = "none") -> list[Any]:
    """Legend entries for both frameworks and for hollow markers."""
    entries = [
        Line2D([], [], marker=MARKER[side], color=COLOUR[side], linestyle=line, markersize=5.5, label=label)
        for side, label in LABELS.items()
    ]
    hollow = Line2D([], [], marker="D", color=QUIET, markerfacecolor=PAPER, markersize=5, linestyle="none")
    hollow.set_label("hollow: eager")
    return [*entries, hollow]


def row_text(axes: Axes, x: float, y: float, text: str, colour: str, **kwargs: Any) -> None:
    """Text at `x`, a fraction of the width of the axes, in the row `y`."""
    axes.text(x, y, text, transform=axes.get_yaxis_transform(), color=colour, verticalalignment="center", **kwargs)


def heading(figure: Figure, axes: Axes, y: float, text: str) -> None:
    """Bold text in the row `y`, from the left edge of the picture, over the labels of the rows."""
    place = blended_transform_factory(figure.transFigure, axes.transData)
    label = axes.text(0.006, y, text, transform=place, color=INK, verticalalignment="center", weight="bold")
    label.set_in_layout(False)  # its length would push the axes to the right


def rows_axis(axes: Axes, last: float, ticks: list[tuple[float, str]]) -> None:
    """The vertical axis of a picture of rows, the first on top."""
    axes.set_ylim(last + 0.8, 0)
    axes.set_yticks([at for at, _ in ticks], [name for _, name in ticks])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
