"""The time before the first result (import, start, compilation, first call), and the peak memory."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from parity.report.formatting import cut, large, seconds, subject
from parity.report.page.axes import heading, legend, row_text, rows_axis
from parity.report.page.svg import COLOUR, INK, QUIET, Picture, picture
from parity.report.page.tables import Cell, Column, Section, Table
from parity.sides import LABELS

_TIMES = ("import_s", "start_s", "cold_s", "warm_s", "first_call_s", "steady_s")
_COLUMNS = (
    Column("Function"),
    Column("dtype"),
    Column("Framework"),
    Column("Import", numeric=True),
    Column("Start", numeric=True),
    Column("Compile, cold", numeric=True),
    Column("Compile, warm", numeric=True),
    Column("First call", numeric=True),
    Column("Steady call", numeric=True),
    Column("Remarks", wide=True),
)
_MEMORY = (
    Column("Function"),
    Column("dtype"),
    Column("Framework"),
    Column("Peak memory", numeric=True),
    Column("Remarks", wide=True),
)
# How dark each part of a bar is, from left to right; the last is hollow. No part is marked by its colour alone.
_PARTS = (("import", 0.3), ("start", 0.6), ("compilation", 1.0), ("first call", 0.0))


def section(phases: list[dict[str, Any]]) -> Section:
    """The time before the first result of each function and framework."""
    name, title = "compile", "Compile time"
    if not phases:
        return Section(name, title, missing="Compile time was not measured.", command="parity bench")
    rows = tuple(
        (*_who(phase), *(Cell(seconds(phase[key]), phase[key]) for key in _TIMES), Cell(phase["message"] or ""))
        for phase in phases
    )
    table = Table("compile-table", "Each phase of each function and framework", _COLUMNS, rows)
    text = (
        "Import: importing the framework. Start: the first trivial compilation of a process, which loads the compiler. "
        "Cold: compilation with an empty disk cache. Warm: with a filled one.",
    )
    drawn = _picture(phases)
    return Section(name, title, text, (drawn,) if drawn else (), (table,))


def memory(phases: list[dict[str, Any]]) -> Section:
    """The peak memory of each function and framework."""
    name, title = "memory", "Peak memory"
    if not any(phase["peak_bytes"] is not None for phase in phases):
        return Section(name, title, missing="Peak memory was not measured.", command="parity bench")
    rows = tuple(
        (*_who(phase), Cell(large(phase["peak_bytes"], "B"), phase["peak_bytes"]), Cell(_unknown(phase)))
        for phase in phases
    )
    return Section(name, title, tables=(Table("memory-table", "Peak memory of each function", _MEMORY, rows),))


def _unknown(phase: dict[str, Any]) -> str:
    return "" if phase["peak_bytes"] is not None else phase["message"] or "not measured"


def _who(phase: dict[str, Any]) -> tuple[Cell, Cell, Cell]:
    return Cell(subject(phase)), Cell(phase["dtype"]), Cell(LABELS.get(phase["backend"], phase["backend"]))


def parts(phase: dict[str, Any], cache: str) -> list[float] | None:
    """Seconds of import, start, compilation with a `cold` or `warm` cache, first call; None if one is unknown."""
    seconds = [phase[key] for key in ("import_s", "start_s", f"{cache}_s", "first_call_s")]
    return None if None in seconds else seconds


def _bars(phases: list[dict[str, Any]]) -> list[tuple[str, list[tuple[str, str, list[float] | None]]]]:
    """The bars of each function: (label, backend, parts)."""
    groups: dict[str, list[tuple[str, str, list[float] | None]]] = {}
    for phase in phases:
        bars = groups.setdefault(f"{subject(phase)} · {phase['dtype']}", [])
        for cache in ("cold", "warm"):
            label = f"{LABELS.get(phase['backend'], phase['backend'])}, {cache}"
            bars.append((label, phase["backend"], parts(phase, cache)))
    return list(groups.items())


def _picture(phases: list[dict[str, Any]]) -> Picture | None:
    groups = _bars(phases)
    if not any(lengths for _, bars in groups for *_, lengths in bars):
        return None
    sentences = [
        f"{heading}: "
        + ", ".join(f"{label} cache {seconds(sum(lengths)) if lengths else 'unknown'}" for label, _, lengths in bars)
        for heading, bars in groups
    ]
    count = sum(len(bars) for _, bars in groups)
    return picture(
        "compile-times",
        "Seconds from the start of the import to the first result",
        f"{'. '.join(sentences)}.",
        "From left to right: import, start, compilation, first call; the number is their sum. Cold: with an empty disk cache; "
        "warm: with a filled one.",
        lambda figure, narrow: _paint(figure, narrow, groups),
        (0.21 * count + 0.3 * len(groups) + 0.9, 0.21 * count + 0.34 * len(groups) + 1.1),
    )


def _paint(figure: Figure, narrow: bool, groups: list[tuple[str, list[tuple[str, str, list[float] | None]]]]) -> None:
    axes = figure.subplots()
    place, ticks = 0.0, []
    longest = max(sum(lengths) for _, bars in groups for *_, lengths in bars if lengths)
    for name, bars in groups:
        place += 1.3 if place else 0.6
        heading(figure, axes, place, cut(name, 48 if narrow else 90))
        for label, backend, lengths in bars:
            place += 1.0
            ticks.append((place, cut(label, 24)))
            if lengths is None:
                row_text(axes, 0.005, place, "unknown", QUIET)
                continue
            start, colour = 0.0, COLOUR.get(backend, INK)
            for length, (_, strength) in zip(lengths, _PARTS, strict=True):
                axes.barh(place, length, 0.66, start, facecolor=(colour, strength), edgecolor=colour, linewidth=0.7)
                start += length
            axes.text(start + longest * 0.01, place, seconds(start), va="center", color=QUIET)
    rows_axis(axes, place, ticks)
    axes.set_xlim(0, longest * (1.2 if narrow else 1.1))
    axes.set_xlabel("seconds")
    parts = [
        Patch(facecolor=(QUIET, strength), edgecolor=QUIET, linewidth=0.7, label=label) for label, strength in _PARTS
    ]
    legend(figure, parts, narrow)
