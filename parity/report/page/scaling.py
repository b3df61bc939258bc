"""Time against size: a picture for each sweep, and a table of all points."""

from __future__ import annotations

from math import exp, log
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FixedLocator, FuncFormatter, NullLocator

from parity.report.formatting import NOTHING, has_interval, interval, number, ratio, seconds, sizes, subject
from parity.report.page.axes import log_ticks
from parity.report.page.svg import BAD, COLOUR, DASHES, INK, MARKER, QUIET, Picture, picture
from parity.report.page.tables import Cell, Column, Section, Table
from parity.sides import COMPILERS

_COLUMNS = (
    Column("Operation"),
    Column("dtype"),
    Column("Axis"),
    Column("Size", numeric=True),
    Column("jax.jit", numeric=True),
    Column("torch.compile", numeric=True),
    Column("Ratio", numeric=True),
    Column("Interval", numeric=True),
    Column("Verdict"),
    Column("Remarks", wide=True),
)
CANDIDATES = {compiler: side for side, compiler in COMPILERS.items()}


def section(scaling: list[dict[str, Any]]) -> Section:
    """The sweeps of bench.json."""
    name, title = "scaling", "Scaling"
    if not scaling:
        return Section(name, title, missing="Time against size was not measured.", command="parity bench")
    drawn = (_picture(entry, f"scaling-{index}") for index, entry in enumerate(scaling))
    rows = tuple(_row(entry, point) for entry in scaling for point in entry["points"])
    caption = "Time at each size; ratio: time of torch.compile / time of jax.jit"
    return Section(
        name, title, pictures=tuple(filter(None, drawn)), tables=(Table("scaling-table", caption, _COLUMNS, rows),)
    )


def _row(entry: dict[str, Any], point: dict[str, Any]) -> tuple[Cell, ...]:
    measured = point["ratio"]
    value = measured["value"] if measured else None
    return (
        Cell(subject(entry)),
        Cell(entry["dtype"]),
        Cell(entry["axis"]),
        Cell(number(point["size"]), point["size"]),
        *(Cell(seconds(point["seconds"].get(one)), point["seconds"].get(one)) for one in CANDIDATES),
        Cell(ratio(value), value),
        Cell(interval(measured), measured["low"] if measured else None),
        Cell(point["verdict"] or NOTHING) if measured else Cell("failed", tone="bad"),
        Cell(point["message"] or ("" if measured else "no ratio, no reason given")),
    )


def exponent(entry: dict[str, Any], candidate: str) -> str:
    """Exponent of the growth, "time ~ T^1.9 (1.7 to 2.1)", or empty."""
    fit = entry["exponents"].get(candidate)
    if not fit:
        return ""
    span = f" ({fit['low']:.2f} to {fit['high']:.2f})" if has_interval(fit) else ""
    return f"time ~ {entry['axis']}^{fit['value']:.2f}{span}"


def _picture(entry: dict[str, Any], name: str) -> Picture | None:
    if not any(_points(entry, candidate) for candidate in CANDIDATES):
        return None
    title = f"{subject(entry)} {entry['dtype']}: time against {entry['axis']}, with {sizes(entry['fixed'])} fixed"
    items = []
    for candidate in CANDIDATES:
        points = _points(entry, candidate)
        if points:
            (first, start), (last, end) = points[0], points[-1]
            grows = exponent(entry, candidate)
            items.append(
                f"{candidate} takes {seconds(start)} at {first:g} and {seconds(end)} at {last:g}{grows and ', ' + grows}"
            )
    items += [f"{point['size']:g} failed: {point['message'] or 'no reason given'}" for point in _failed(entry)]
    summary = (entry["summary"] or "").rstrip(".")
    caption = f"{title}{summary and ': ' + summary}. A pale stripe is the fitted power law, over the sizes of the fit."
    return picture(
        name,
        title,
        f"{'. '.join(items)}. {summary}",
        caption,
        lambda figure, narrow: _paint(figure, narrow, entry),
        (3.5, 3.1),
    )


def _points(entry: dict[str, Any], candidate: str) -> list[tuple[float, float]]:
    times = ((point["size"], point["seconds"].get(candidate)) for point in entry["points"])
    return sorted((size, value) for size, value in times if value)


def _failed(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return [point for point in entry["points"] if not point["ratio"]]


def _paint(figure: Figure, narrow: bool, entry: dict[str, Any]) -> None:
    axes = figure.subplots()
    axes.set(xscale="log", yscale="log")
    for candidate, backend in CANDIDATES.items():
        points = _points(entry, candidate)
        if not points:
            continue
        grows = exponent(entry, candidate)
        axes.plot(
            *zip(*points, strict=True),
            marker=MARKER[backend],
            markersize=5,
            color=COLOUR[backend],
            linestyle=DASHES[backend],
            linewidth=1.4,
            label=f"{candidate}{grows and ': ' + grows}",
        )
        _fit(axes, entry, candidate, points)
    axes.margins(x=0.06, y=0.16)
    across = axes.get_xaxis_transform()
    for point in _failed(entry):
        axes.plot(point["size"], 0.03, "x", color=BAD, markersize=7, markeredgewidth=1.8, transform=across)
        axes.annotate(
            "failed",
            (point["size"], 0.03),
            (-6, 0),
            xycoords=across,
            textcoords="offset points",
            ha="right",
            va="center",
        )
    every = [point["size"] for point in entry["points"]]
    middle = (min(every) * max(every)) ** 0.5
    for index, crossing in enumerate(entry["crossovers"]):
        size = crossing["size"]
        axes.axvline(size, color=QUIET, linewidth=1, linestyle=(0, (1, 1.5)))
        label, side = f" crossover at {entry['axis']} = {size:.3g} ", "left" if size < middle else "right"
        axes.text(size, 0.97 - 0.08 * index, label, transform=across, color=INK, va="top", ha=side, fontsize=8.5)
    _ticks(axes, entry, narrow)
    figure.legend(loc="outside upper left", ncols=1 if narrow else 2, borderaxespad=0.2)


def _fit(axes: Any, entry: dict[str, Any], candidate: str, points: list[tuple[float, float]]) -> None:
    """Draws the fitted power law over the sizes of the fit; its slope is given, its height is the mean of the points."""
    fit = entry["exponents"].get(candidate)
    if not fit or not fit["sizes"]:
        return
    low, high = min(fit["sizes"]), max(fit["sizes"])
    inside = [(size, value) for size, value in points if low <= size <= high]
    if len(inside) > 1:
        height = sum(log(value) - fit["value"] * log(size) for size, value in inside) / len(inside)
        ends = [exp(height + fit["value"] * log(size)) for size in (low, high)]
        axes.plot(
            [low, high], ends, color=COLOUR[CANDIDATES[candidate]], linewidth=5, alpha=0.25, solid_capstyle="butt"
        )


def _ticks(axes: Any, entry: dict[str, Any], narrow: bool) -> None:
    places = sorted({point["size"] for point in entry["points"]})
    step = -(-len(places) // (5 if narrow else 10))
    axes.xaxis.set_major_locator(FixedLocator(places[::step]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    log_ticks(axes.yaxis, axes.get_ylim(), 7, EngFormatter("s"))
    axes.grid()
    axes.set_xlabel(f"{entry['axis']} (log scale)")
    axes.set_ylabel("time of one call (log scale)")
