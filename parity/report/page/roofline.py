"""Rooflines: achieved FLOP/s against the limits of the machine, one picture for each dtype."""

from __future__ import annotations

from math import log
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from parity.report.formatting import counted, digits, large, listed, percent, sizes, subject
from parity.report.page.axes import legend, log_ticks, marks
from parity.report.page.svg import COLOUR, INK, MARKER, PAPER, Picture, picture
from parity.report.page.tables import Cell, Column, Section, Table

_COLUMNS = (
    Column("No.", numeric=True),
    Column("Comparison"),
    Column("dtype"),
    Column("Sizes"),
    Column("FLOP/byte", numeric=True),
    Column("Limit there", numeric=True),
    Column("Limited by"),
    Column("Best achieved", numeric=True),
    Column("Share of limit", numeric=True),
    Column("by"),
)

_LIMITS = {"flops": "arithmetic", "bytes": "memory"}


def section(bench: dict[str, Any] | None) -> Section:
    """A picture for each dtype and a table of all comparisons whose work is known."""
    name, title = "roofline", "Roofline"
    if bench is None:
        return Section(name, title, missing="No speed was measured.", command="parity bench")
    dtypes = [dtype for dtype, limit in bench["limits"].items() if limit["flops_per_s"] and limit["bytes_per_s"]]
    if not dtypes:
        return Section(name, title, missing="The limits of this machine were not measured.", command="parity bench")
    pictures: list[Picture] = []
    rows: list[tuple[Cell, ...]] = []
    for dtype in dtypes:
        placed = [one for one in bench["comparisons"] if one["dtype"] == dtype and _achieved(one)]
        if placed:
            pictures.append(_picture(f"roofline-{len(pictures)}", dtype, bench["limits"][dtype], placed))
            rows += [_row(index, one, bench["limits"][dtype]) for index, one in enumerate(placed, start=1)]
    if not rows:
        missing = "No comparison with a known number of FLOP and bytes was timed."
        return Section(name, title, missing=missing, command="parity bench")
    table = Table("roofline-table", "Each numbered comparison against its limit", _COLUMNS, tuple(rows))
    return Section(name, title, pictures=tuple(pictures), tables=(table,))


def intensity(comparison: dict[str, Any]) -> float | None:
    """FLOP per byte moved; None if either is unknown."""
    work = comparison["work"] or {"flops": None, "bytes": None}
    return work["flops"] / work["bytes"] if (work["flops"] or 0) > 0 and (work["bytes"] or 0) > 0 else None


def measured_by(framework: Any) -> str:
    """Which framework reached the limits: "torch", or "jax (arithmetic) and torch (memory)"."""
    if not isinstance(framework, dict):
        return str(framework or "")
    names = sorted({str(name) for name in framework.values() if name})
    each = (f"{name} ({_LIMITS.get(limit, limit)})" for limit, name in framework.items())
    return names[0] if len(names) == 1 else listed(each)


def _achieved(comparison: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in comparison["candidates"] if (one["flops_per_s"] or 0) > 0] if intensity(comparison) else []


def _row(index: int, comparison: dict[str, Any], limit: dict[str, Any]) -> tuple[Cell, ...]:
    place = intensity(comparison) or 0.0
    from_memory = limit["bytes_per_s"] * place
    roof = min(from_memory, limit["flops_per_s"])
    best = max(_achieved(comparison), key=lambda one: one["flops_per_s"])
    return (
        Cell(str(index), float(index)),
        Cell(subject(comparison)),
        Cell(comparison["dtype"]),
        Cell(sizes(comparison["sizes"])),
        Cell(digits(place), place),
        Cell(large(roof, "FLOP/s"), roof),
        Cell("memory" if from_memory < limit["flops_per_s"] else "arithmetic"),
        Cell(large(best["flops_per_s"], "FLOP/s"), best["flops_per_s"]),
        Cell(percent(best["flops_per_s"] / roof), best["flops_per_s"] / roof),
        Cell(best["name"]),
    )


def _picture(name: str, dtype: str, limit: dict[str, Any], placed: list[dict[str, Any]]) -> Picture:
    flops, moved = large(limit["flops_per_s"], "FLOP/s"), large(limit["bytes_per_s"], "B/s")
    items = []
    for index, comparison in enumerate(placed, start=1):
        best = max(_achieved(comparison), key=lambda one: one["flops_per_s"])
        items.append(
            f"{index}, {subject(comparison)}: {digits(intensity(comparison) or 0.0)} FLOP/byte, best "
            f"{large(best['flops_per_s'], 'FLOP/s')} by {best['name']}"
        )
    by = measured_by(limit["measured_by"])
    by = f", measured by {by}" if by else ""
    return picture(
        name,
        f"Roofline of {dtype}: achieved FLOP/s against arithmetic intensity",
        f"The roofs are {moved} and {flops}{by}. {counted(len(placed), 'comparison')}: {'; '.join(items)}.",
        f"{dtype}: the sloping roof is memory ({moved}), the flat one arithmetic ({flops}){by}. Each column of markers is a "
        "numbered comparison of the table below. Work that fits into a cache can lie above the sloping roof.",
        lambda figure, narrow: _paint(figure, narrow, limit, placed),
        (4.2, 3.6),
    )


def _paint(figure: Figure, narrow: bool, limit: dict[str, Any], placed: list[dict[str, Any]]) -> None:
    axes = figure.subplots()
    axes.set(xscale="log", yscale="log")
    ridge = limit["flops_per_s"] / limit["bytes_per_s"]
    places = [intensity(comparison) or ridge for comparison in placed]
    left, right = min(*places, ridge) / 3, max(*places, ridge) * 3
    axes.plot(
        [left, ridge, right], [left * limit["bytes_per_s"], limit["flops_per_s"], limit["flops_per_s"]], color=INK
    )
    for comparison, place in zip(placed, places, strict=True):
        for one in _achieved(comparison):
            colour = COLOUR.get(one["backend"], INK)
            fill = colour if one["mode"] == "compiled" else PAPER
            marker = MARKER.get(one["backend"], "D")
            axes.plot(place, one["flops_per_s"], marker, color=colour, markerfacecolor=fill, markersize=5)
    axes.margins(y=0.14)
    axes.set_xlim(left, right)
    tops = [max(one["flops_per_s"] for one in _achieved(comparison)) for comparison in placed]
    width, height = (72 * length * 0.8 for length in figure.get_size_inches())  # points; the rest is labels
    bottom, top = axes.get_ylim()
    across, up = width / log(right / left), height / log(top / bottom)
    spots = [(across * log(place), up * log(best)) for place, best in zip(places, tops, strict=True)]
    groups = together(spots)
    texts = [numbers([index + 1 for index in group]) for group in groups]
    firsts = [group[0] for group in groups]
    raised = lifts([spots[first] for first in firsts], texts)
    for first, text, lift in zip(firsts, texts, raised, strict=True):
        place = places[first], tops[first]
        axes.annotate(text, place, (0, lift), textcoords="offset points", ha="center", fontsize=8.5, color=INK)
    log_ticks(axes.xaxis, (left, right), 5 if narrow else 8, lambda value: f"{value:g}")
    log_ticks(axes.yaxis, (bottom, top), 7, EngFormatter("FLOP/s"))
    axes.grid()
    axes.set_xlabel("FLOP per byte" if narrow else "arithmetic intensity: FLOP per byte (log scale)")
    legend(figure, [*marks(), Line2D([], [], color=INK, label="limit")], narrow)


def together(spots: list[tuple[float, float]]) -> list[list[int]]:
    """Groups of markers (by index) that lie on each other, within their own size, and share a label."""
    groups: list[list[int]] = []
    for index, (x, y) in enumerate(spots):
        near = (group for group in groups if max(abs(x - spots[group[0]][0]), abs(y - spots[group[0]][1])) < 6)
        group = next(near, None)
        if group is None:
            groups.append([index])
        else:
            group.append(index)
    return groups


def numbers(indices: list[int]) -> str:
    """[1, 2, 3, 5] → "1–3, 5"."""
    runs: list[list[int]] = []
    for one in indices:
        if runs and one == runs[-1][-1] + 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def lifts(spots: list[tuple[float, float]], texts: list[str]) -> list[float]:
    """How far above its marker each text goes, in points, so that it covers no other text or marker."""
    taken = [(x, y - 5, 5.0) for x, y in spots]
    lifts = []
    for (x, y), text in zip(spots, texts, strict=True):
        lift, half = 5.0, 2.5 * len(text) + 2.5  # a digit is 5 points wide
        while any(abs(x - other) < half + width and abs(y + lift - height) < 9 for other, height, width in taken):
            lift += 3
        taken.append((x, y + lift, half))
        lifts.append(lift)
    return lifts
