"""The result of `parity bench` for people: the rows that both the terminal and Markdown show."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from parity.bench.regressions import LOST, MARGIN, Change
from parity.bench.results import TIMED
from parity.bench.timing.verdict import Speed
from parity.report.formatting import NOTHING, counted, seconds
from parity.sides import COMPILERS, JAX, TORCH

HEADINGS = ("comparison", JAX, COMPILERS[JAX], TORCH, "compile", "compile / jit", "verdict", "A/A")
# Load, as a share of the processors, above which the report warns.
BUSY = 0.4
# The columns that fit a terminal of 80.
_NARROW = (0, 2, 4, 5, 6, 7)
_STYLES = {"FASTER": "green", "SLOWER": "magenta", "SAME": "cyan", "CANNOT TELL": "yellow", "failed": "bold red"}


def subject(one: Mapping[str, Any]) -> str:
    """`attention`, `attention + gradient`; with its dtype if that is not float32."""
    name = one["op"] + (" + gradient" if one["kind"] == "gradient" else "")
    return name if one["dtype"] == "float32" else f"{name}, {one['dtype']}"


def cells(comparison: Mapping[str, Any]) -> tuple[str, ...]:
    """The texts of one comparison, under `HEADINGS`."""
    rows = {row["name"]: row for row in comparison["candidates"]}
    times = [_time(rows.get(name)) for name in (JAX, COMPILERS[JAX], TORCH, COMPILERS[TORCH])]
    judged = rows.get(COMPILERS[TORCH], {})
    timed = judged.get("status") == TIMED
    control = comparison["control"]
    return (
        subject(comparison),
        *times,
        interval(judged["ratio"]) if timed else NOTHING,
        judged["verdict"] if timed else "failed",
        reach(control["ratio"]) if control else NOTHING,
    )


def reach(ratio: Mapping[str, float | None]) -> str:
    """`± 1.2 %`: how far from 1 the interval of the control reaches."""
    low, high = ratio["low"], ratio["high"]
    return NOTHING if low is None or high is None else f"± {100 * max(-math.log(low), math.log(high)):.1f} %"


def interval(ratio: Mapping[str, float | None]) -> str:
    """`0.83 (0.82–0.84)`."""
    if ratio["low"] is None or ratio["high"] is None:
        return f"{ratio['value']:.2f} (?)"
    return f"{ratio['value']:.2f} ({ratio['low']:.2f}–{ratio['high']:.2f})"


def _time(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    return seconds(row["seconds"]["median"]) if row["status"] == TIMED else "failed"


def libraries(comparisons: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Rows of the frameworks' own functions: comparison, name, time, ratio to jax.jit, verdict."""
    ours = {JAX, TORCH, *COMPILERS.values()}
    return [
        (
            subject(one),
            row["name"],
            _time(row),
            interval(row["ratio"]) if row["ratio"] else NOTHING,
            row["verdict"] or "failed",
        )
        for one in comparisons
        for row in one["candidates"]
        if row["name"] not in ours
    ]


def remarks(comparisons: Iterable[Mapping[str, Any]]) -> list[str]:
    """Why something was not timed, what is doubtful, and what would decide a CANNOT TELL."""
    remarks = []
    for one in comparisons:
        name = subject(one)
        if one["message"]:
            remarks.append(f"{name}: {one['message']}")
        for row in one["candidates"]:
            if row["status"] != TIMED and row["message"] and row["message"] not in one["message"]:
                remarks.append(f"{name}, {row['name']}: {row['message']}")
            remarks += [f"{name}, {row['name']}: {flag}" for flag in row["flags"]]
        advice = next((row["advice"] for row in one["candidates"] if row["name"] == COMPILERS[TORCH]), "")
        remarks += [f"{name}: {advice}"] if advice else []
    return remarks


def table(comparisons: Iterable[Mapping[str, Any]]) -> Table:
    """A row for each comparison."""
    table = Table(
        title="parity bench",
        caption="median time of a call; jit: jax.jit, compile: torch.compile; ratio with its 99 % interval; "
        "A/A: reach of the interval of jax.jit against itself",
    )
    for place in _NARROW:
        table.add_column(
            HEADINGS[place], justify="left" if place in (0, 6) else "right", no_wrap=place != 0, overflow="fold"
        )
    for one in comparisons:
        row: list[str | Text] = list(cells(one))
        row[6] = Text(str(row[6]), style=_STYLES.get(str(row[6]), ""))
        table.add_row(*(row[place] for place in _NARROW))
    return table


def disturbed(environment: Mapping[str, Any]) -> str:
    """A warning if other programs were running; empty on a quiet machine."""
    before = environment["load"][0] if environment.get("load") else 0.0
    if before <= BUSY * environment.get("cores", 1):
        return ""
    return f"the load was {before:.1f} on {environment['cores']} processors at the start: other programs widen the intervals"


def print_details(console: Console, bench: Mapping[str, Any]) -> None:
    """How the cost grows, warnings and remarks."""
    for sweep in bench["scaling"]:
        powers = ", ".join(
            f"{name} ~ {sweep['axis']}^{fit['value']:.2f}" for name, fit in sweep["exponents"].items() if fit
        )
        console.print(
            f"{subject(sweep)} over {sweep['axis']}: {sweep['summary']} ({powers or 'no exponent'})", highlight=False
        )
    for remark in filter(None, (disturbed(bench["environment"]), *remarks(bench["comparisons"]))):
        console.print(Text(remark, style="yellow"), soft_wrap=True)


def print_changes(console: Console, changes: Sequence[Change]) -> None:
    """What became faster or slower since an earlier run, and how many of each verdict there are."""
    clear = [change for change in changes if change.verdict not in (Speed.SAME, Speed.CANNOT_TELL)]
    if clear:
        table = Table("comparison", "candidate", "time now / then", "verdict", title="since the earlier run")
        for change in clear:
            ratio = interval(vars(change.ratio)) if change.ratio else change.message
            style = "bold red" if change.is_regression else _STYLES.get(change.verdict, "")
            table.add_row(change.comparison, change.candidate, ratio, Text(change.verdict, style=style))
        console.print(table)
    counts = Counter(change.verdict for change in changes)
    numbers = ", ".join(f"{counts[verdict]} {verdict}" for verdict in (*Speed, LOST) if counts[verdict])
    console.print(f"since the earlier run, of {counted(len(changes), 'candidate')}: {numbers}", highlight=False)
    unclear = [change.ratio.half_width for change in changes if change.verdict == Speed.CANNOT_TELL and change.ratio]
    if widths := [width for width in unclear if not math.isnan(width)]:
        console.print(
            f"CANNOT TELL: the median interval is ± {100 * median(widths):.0f} %, and less than {100 * MARGIN:g} % is no change; "
            "measure longer in both runs with --budget",
            highlight=False,
        )
