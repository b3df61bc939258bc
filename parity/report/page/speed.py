"""The table of speed: a row for each comparison and candidate, for each A/A control, and for what was not timed."""

from __future__ import annotations

from typing import Any

from parity.report.formatting import NOTHING, interval, large, number, percent, ratio, seconds, sizes, subject
from parity.report.page.tables import Cell, Column, Table
from parity.report.page.verdicts import passes

_COLUMNS = (
    Column("Comparison"),
    Column("dtype"),
    Column("Candidate"),
    Column("Median time", numeric=True),
    Column("Ratio", numeric=True),
    Column("Interval", numeric=True),
    Column("Verdict"),
    Column("Remarks", wide=True),
    Column("Parity"),
    Column("Sizes"),
    Column("FLOP/s", numeric=True),
    Column("Bytes/s", numeric=True),
    Column("Share of limit", numeric=True),
    Column("CPU/wall", numeric=True),
    Column("Recompiled", numeric=True),
    Column("Graph breaks", numeric=True),
)
VERDICT = 6
NOT_TIMED, CONTROL, BASE, FAILED = "not timed", "A/A control", "base", "failed"


def table(comparisons: list[dict[str, Any]]) -> Table:
    rows = tuple(row for comparison in comparisons for row in _rows(comparison))
    caption = "Time of each candidate; the ratio is its time divided by that of the base of its comparison"
    return Table("speed-table", caption, _COLUMNS, rows, filtered=True, choice=VERDICT)


def _rows(comparison: dict[str, Any]) -> list[tuple[Cell, ...]]:
    found = []
    if not any(candidate["seconds"] for candidate in comparison["candidates"]):
        parity = comparison["parity"] or {"verdict": NOTHING, "passed": False, "message": ""}
        words = comparison["message"] or parity["message"] or "no candidate was timed, and the run does not say why"
        verdict = Cell(NOT_TIMED, tone="bad")
        judged = Cell(parity["verdict"], tone="" if parity["passed"] else "bad")
        found.append(_row(comparison, NOTHING, verdict=verdict, parity=judged, remarks=words))
    for candidate in comparison["candidates"]:
        found.append(_candidate(comparison, candidate))
        control = comparison["control"]
        if control and candidate["name"] == comparison["base"]:
            found.append(
                _row(
                    comparison,
                    f"{control['of']}, again",
                    found=control["ratio"],
                    verdict=Cell(CONTROL, tone="quiet"),
                    remarks="" if control["ratio"] else "the control was not timed",
                )
            )
    return found


def _candidate(comparison: dict[str, Any], candidate: dict[str, Any]) -> tuple[Cell, ...]:
    verdict = Cell(candidate["verdict"] or "")
    if candidate["status"] != "timed":
        verdict = Cell(FAILED, tone="bad")
    elif not verdict.text:
        verdict = Cell(BASE if candidate["name"] == comparison["base"] else NOTHING, tone="quiet")
    judged = candidate["parity"] or NOTHING
    told = [candidate["message"], *(candidate["flags"] or []), candidate["advice"]]
    if verdict.text == FAILED and not candidate["message"]:
        told.insert(0, "failed, and the run does not say why")
    return _row(
        comparison,
        candidate["name"],
        timed=candidate,
        found=candidate["ratio"],
        exact=verdict.text == BASE,
        verdict=verdict,
        parity=Cell(judged, tone="" if passes(judged) or judged == NOTHING else "bad"),
        remarks="; ".join(words for words in told if words),
    )


def _row(
    comparison: dict[str, Any],
    name: str,
    *,
    timed: dict[str, Any] | None = None,
    found: dict[str, float] | None = None,
    exact: bool = False,
    verdict: Cell,
    parity: Cell | None = None,
    remarks: str = "",
) -> tuple[Cell, ...]:
    timed = timed or {}
    median = (timed.get("seconds") or {}).get("median")
    value = found["value"] if found else None

    def plain(key: str, form: str = "g") -> Cell:
        return Cell(number(timed.get(key), form), timed.get(key))

    return (
        Cell(subject(comparison)),
        Cell(comparison["dtype"]),
        Cell(name),
        Cell(seconds(median), median),
        Cell(ratio(value), value),
        Cell(interval(None if exact else found), found["low"] if found and not exact else None),
        verdict,
        Cell(remarks),
        parity or Cell(NOTHING),
        Cell(sizes(comparison["sizes"])),
        Cell(large(timed.get("flops_per_s"), "FLOP/s"), timed.get("flops_per_s")),
        Cell(large(timed.get("bytes_per_s"), "B/s"), timed.get("bytes_per_s")),
        Cell(percent(timed.get("share_of_limit")), timed.get("share_of_limit")),
        plain("cpu_per_wall", ".2f"),
        plain("recompilations"),
        plain("graph_breaks"),
    )
