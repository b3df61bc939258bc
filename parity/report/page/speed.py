"""The table of speed: a row for each candidate, each A/A control and each comparison that was not timed."""

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
    """All comparisons of bench.json."""
    rows = tuple(row for comparison in comparisons for row in _rows(comparison))
    caption = "Time of each candidate; ratio: its time / time of the base of its comparison"
    return Table("speed-table", caption, _COLUMNS, rows, filtered=True, choice=VERDICT)


def _rows(comparison: dict[str, Any]) -> list[tuple[Cell, ...]]:
    rows = []
    if not any(candidate["seconds"] for candidate in comparison["candidates"]):
        parity = comparison["parity"] or {"verdict": NOTHING, "passed": False, "message": ""}
        reason = comparison["message"] or parity["message"] or "no candidate was timed, no reason given"
        verdict = Cell(NOT_TIMED, tone="bad")
        judged = Cell(parity["verdict"], tone="" if parity["passed"] else "bad")
        rows.append(_row(comparison, NOTHING, verdict=verdict, parity=judged, remarks=reason))
    for candidate in comparison["candidates"]:
        rows.append(_candidate(comparison, candidate))
        control = comparison["control"]
        if control and candidate["name"] == comparison["base"]:
            rows.append(
                _row(
                    comparison,
                    f"{control['of']}, again",
                    measured=control["ratio"],
                    verdict=Cell(CONTROL, tone="quiet"),
                    remarks="" if control["ratio"] else "the control was not timed",
                )
            )
    return rows


def _candidate(comparison: dict[str, Any], candidate: dict[str, Any]) -> tuple[Cell, ...]:
    verdict = Cell(candidate["verdict"] or "")
    if candidate["status"] != "timed":
        verdict = Cell(FAILED, tone="bad")
    elif not verdict.text:
        verdict = Cell(BASE if candidate["name"] == comparison["base"] else NOTHING, tone="quiet")
    judged = candidate["parity"] or NOTHING
    remarks = [candidate["message"], *(candidate["flags"] or []), candidate["advice"]]
    if verdict.text == FAILED and not candidate["message"]:
        remarks.insert(0, "failed, no reason given")
    return _row(
        comparison,
        candidate["name"],
        timed=candidate,
        measured=candidate["ratio"],
        exact=verdict.text == BASE,
        verdict=verdict,
        parity=Cell(judged, tone="" if passes(judged) or judged == NOTHING else "bad"),
        remarks="; ".join(filter(None, remarks)),
    )


def _row(
    comparison: dict[str, Any],
    name: str,
    *,
    timed: dict[str, Any] | None = None,
    measured: dict[str, float] | None = None,
    exact: bool = False,
    verdict: Cell,
    parity: Cell | None = None,
    remarks: str = "",
) -> tuple[Cell, ...]:
    timed = timed or {}
    median = (timed.get("seconds") or {}).get("median")
    value = measured["value"] if measured else None

    def count(key: str, form: str = "g") -> Cell:
        return Cell(number(timed.get(key), form), timed.get(key))

    return (
        Cell(subject(comparison)),
        Cell(comparison["dtype"]),
        Cell(name),
        Cell(seconds(median), median),
        Cell(ratio(value), value),
        Cell(interval(None if exact else measured), measured["low"] if measured and not exact else None),
        verdict,
        Cell(remarks),
        parity or Cell(NOTHING),
        Cell(sizes(comparison["sizes"])),
        Cell(large(timed.get("flops_per_s"), "FLOP/s"), timed.get("flops_per_s")),
        Cell(large(timed.get("bytes_per_s"), "B/s"), timed.get("bytes_per_s")),
        Cell(percent(timed.get("share_of_limit")), timed.get("share_of_limit")),
        count("cpu_per_wall", ".2f"),
        count("recompilations"),
        count("graph_breaks"),
    )
