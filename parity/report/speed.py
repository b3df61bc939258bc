"""The result of `parity bench` for people: the rows that the terminal and Markdown both show."""

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
from parity.sides import COMPILERS, TORCH

HEADINGS = ("what", "jax", "jax.jit", "torch", "compile", "compile / jit", "compile is", "A/A")
# Share of the processors that others may take before it is worth a word.
BUSY = 0.4
# What fits 80 columns.
_NARROW = (0, 2, 4, 5, 6, 7)
_STYLES = {"FASTER": "green", "SLOWER": "magenta", "SAME": "cyan", "CANNOT TELL": "yellow", "failed": "bold red"}


def subject(one: Mapping[str, Any]) -> str:
    """`attention`, `attention + gradient`; with its dtype if that is not float32."""
    words = one["op"] + (" + gradient" if one["kind"] == "gradient" else "")
    return words if one["dtype"] == "float32" else f"{words}, {one['dtype']}"


def cells(comparison: Mapping[str, Any]) -> tuple[str, ...]:
    """One comparison in words, under `HEADINGS`."""
    rows = {row["name"]: row for row in comparison["candidates"]}
    times = [_time(rows.get(name)) for name in ("jax", "jax.jit", "torch", "torch.compile")]
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
    """`± 1.2 %`: how far from 1 the interval of the control goes."""
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
    """What the frameworks' own functions took: what, name, time, ratio to jax.jit, verdict."""
    own = {"jax", "torch", *COMPILERS.values()}
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
        if row["name"] not in own
    ]


def remarks(comparisons: Iterable[Mapping[str, Any]]) -> list[str]:
    """What a reader has to know beside the numbers: why something was not timed, what cannot be told, what is doubtful."""
    found = []
    for one in comparisons:
        what = subject(one)
        if one["message"]:
            found.append(f"{what}: {one['message']}")
        for row in one["candidates"]:
            if row["status"] != TIMED and row["message"] and row["message"] not in one["message"]:
                found.append(f"{what}, {row['name']}: {row['message']}")
            found += [f"{what}, {row['name']}: {flag}" for flag in row["flags"]]
        told = {row["name"]: row["advice"] for row in one["candidates"] if row["advice"]}
        if COMPILERS[TORCH] in told:
            found.append(f"{what}: {told[COMPILERS[TORCH]]}")
    return found


def table(comparisons: Iterable[Mapping[str, Any]]) -> Table:
    shown = Table(
        title="parity bench",
        caption="compile: torch.compile, jit: jax.jit. Time of a call, median; ratio with its 99 % interval; "
        "A/A: how far the interval of jax.jit against itself goes",
    )
    for place in _NARROW:
        shown.add_column(
            HEADINGS[place], justify="left" if place in (0, 6) else "right", no_wrap=place != 0, overflow="fold"
        )
    for one in comparisons:
        words: list[str | Text] = list(cells(one))
        words[6] = Text(str(words[6]), style=_STYLES.get(str(words[6]), ""))
        shown.add_row(*(words[place] for place in _NARROW))
    return shown


def disturbed(environment: Mapping[str, Any]) -> str:
    """A warning where other programs were running; empty on a quiet machine."""
    before = environment["load"][0] if environment.get("load") else 0.0
    if before <= BUSY * environment.get("cores", 1):
        return ""
    return f"the load was {before:.1f} on {environment['cores']} processors before this began: other programs widen the intervals"


def print_details(console: Console, bench: Mapping[str, Any]) -> None:
    """Growth, and everything that a number alone does not say."""
    for sweep in bench["scaling"]:
        what = subject(sweep)
        powers = ", ".join(
            f"{name} ~ {sweep['axis']}^{fit['value']:.2f}" for name, fit in sweep["exponents"].items() if fit
        )
        console.print(f"{what} over {sweep['axis']}: {sweep['summary']} ({powers or 'no exponent'})", highlight=False)
    for words in filter(None, (disturbed(bench["environment"]), *remarks(bench["comparisons"]))):
        console.print(Text(words, style="yellow"), soft_wrap=True)


def print_changes(console: Console, found: Sequence[Change]) -> None:
    """What became faster or slower since an earlier run, and how many did not."""
    told = [change for change in found if change.verdict not in (Speed.SAME, Speed.CANNOT_TELL)]
    if told:
        shown = Table(title="since the earlier run")
        for heading in ("what", "candidate", "time now / then", "verdict"):
            shown.add_column(heading)
        for change in told:
            ratio = interval(vars(change.ratio)) if change.ratio else change.message
            style = "bold red" if change.is_regression else _STYLES.get(change.verdict, "")
            shown.add_row(change.comparison, change.candidate, ratio, Text(change.verdict, style=style))
        console.print(shown)
    counts = Counter(change.verdict for change in found)
    words = [f"{counts[verdict]} {verdict}" for verdict in (*Speed, LOST) if counts[verdict]]
    console.print(f"since the earlier run, of {counted(len(found), 'candidate')}: {', '.join(words)}", highlight=False)
    unclear = [change.ratio.half_width for change in found if change.verdict == Speed.CANNOT_TELL and change.ratio]
    if widths := [width for width in unclear if not math.isnan(width)]:
        half = f"± {100 * median(widths):.0f} %"
        console.print(
            f"the usual interval of those that cannot be told is {half}, and less than {100 * MARGIN:g} % is no change: "
            "a longer --budget in both runs tells more",
            highlight=False,
        )
