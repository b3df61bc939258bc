"""The picture of all ratios with their intervals."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from parity.report.formatting import counted, cut, has_interval, interval, ratio, sizes, subject
from parity.report.page.axes import heading, legend, log_ticks, marks, row_text, rows_axis
from parity.report.page.svg import BAND, COLOUR, INK, MARKER, PAPER, QUIET, RULE, Picture, picture


def ratio_picture(comparisons: list[dict[str, Any]]) -> Picture | None:
    """One row for each candidate of each comparison except the base; None if nothing was timed."""
    timed = [comparison for comparison in comparisons if _compared(comparison)]
    if not timed:
        return None
    rows = [(comparison, candidate) for comparison in timed for candidate in _compared(comparison)]
    values = "; ".join(
        f"{subject(comparison)} {comparison['dtype']}, {candidate['name']}: {ratio(candidate['ratio']['value'])} "
        f"({interval(candidate['ratio'])}), {candidate['verdict'] or 'no verdict'}"
        for comparison, candidate in rows
    )
    return picture(
        "ratios",
        "Time of each candidate divided by the time of the base of its comparison",
        f"{counted(len(rows), 'ratio')} with intervals. {values}.",
        "Left of 1 the candidate is faster than the base, right of 1 slower; the bar is the confidence interval. The grey band "
        "is the A/A control, the base timed against itself: differences within it mean nothing. An arrow at the edge is an eager "
        "candidate beyond it.",
        lambda figure, narrow: _paint(figure, narrow, timed),
        ((len(rows) * 0.21 + len(timed) * 0.3 + 0.9), (len(rows) * 0.36 + len(timed) * 0.34 + 1.1)),
    )


def _compared(comparison: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in comparison["candidates"] if one["ratio"] and one["name"] != comparison["base"]]


def _paint(figure: Figure, narrow: bool, timed: list[dict[str, Any]]) -> None:
    axes = figure.subplots()
    low, high = limits(timed)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    place, ticks = 0.0, []
    for comparison in timed:
        name = f"{subject(comparison)} · {comparison['dtype']}"
        if not narrow:
            name += f" · {sizes(comparison['sizes'])}"
        place += 1.3 if place else 0.6
        heading(figure, axes, place, cut(name, 48 if narrow else 90))
        first = place + 0.5
        for candidate in _compared(comparison):
            place += 1.45 if narrow else 1.0
            _row(axes, place, candidate, narrow, (low, high))
            ticks.append((place, cut(candidate["name"], 30)))
        control = comparison["control"] and comparison["control"]["ratio"]
        if control and has_interval(control):
            corner, width = (control["low"], first), control["high"] - control["low"]
            axes.add_patch(Rectangle(corner, width, place + 0.5 - first, color=BAND, linewidth=0, zorder=0))
    axes.axvline(1, color=QUIET, linewidth=0.7, linestyle=(0, (3, 2)), zorder=1)
    rows_axis(axes, place, [] if narrow else ticks)
    log_ticks(axes.xaxis, (low, high), 5 if narrow else 9, lambda value: f"{value:g}")
    axes.set_xlabel("time / time of the base (log scale)")
    control_entry = Patch(facecolor=BAND, edgecolor=RULE, linewidth=0.5, label="A/A control")
    legend(figure, [*marks("-"), control_entry], narrow)


def _row(axes: Axes, place: float, candidate: dict[str, Any], narrow: bool, limits: tuple[float, float]) -> None:
    measured, backend = candidate["ratio"], candidate["backend"]
    colour = COLOUR.get(backend, INK)
    fill = colour if candidate["mode"] == "compiled" else PAPER
    if limits[0] <= measured["value"] <= limits[1]:
        if has_interval(measured):
            ends = [measured["low"], measured["high"]]
            axes.plot(ends, [place, place], "|-", color=colour, linewidth=1.3, markersize=8, markeredgewidth=1.3)
        axes.plot(
            measured["value"], place, MARKER.get(backend, "D"), color=colour, markerfacecolor=fill, markersize=4.5
        )
    else:
        edge, mark = (0, "<") if measured["value"] < limits[0] else (1, ">")
        across = axes.get_yaxis_transform()
        axes.plot(edge, place, mark, color=colour, markerfacecolor=fill, markersize=6, transform=across, clip_on=False)
    label = f"{ratio(measured['value'])} {candidate['verdict'] or ''}"
    if narrow:
        row_text(axes, 0, place - 0.6, cut(candidate["name"], 28), INK)
        row_text(axes, 1, place - 0.6, label, QUIET, horizontalalignment="right")
    else:
        row_text(axes, 1.02, place, label, QUIET)


def limits(timed: list[dict[str, Any]]) -> tuple[float, float]:
    """The range of 1 and of the ratios of compiled candidates and controls, with a margin at both ends.

    Eager candidates can take many times as long, and the intervals of the others would be too small to see. One that is out of
    range becomes an arrow at the edge.
    """
    every = [candidate for comparison in timed for candidate in _compared(comparison)]
    ratios = [one["ratio"] for one in every if one["mode"] == "compiled"] or [one["ratio"] for one in every]
    ratios += [one["control"]["ratio"] for one in timed if one["control"] and one["control"]["ratio"]]
    ends = [1.0, *(one[end] or one["value"] for one in ratios for end in ("low", "high"))]
    low, high = min(ends), max(ends)
    margin = max((high / low) ** 0.06, 1.02)
    return low / margin, high * margin
