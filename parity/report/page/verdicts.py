"""`report.json` as the table of parity and what failed in it."""

from __future__ import annotations

from typing import Any

from parity.judge.finding import Verdict
from parity.report.formatting import NOTHING
from parity.report.page.tables import Cell, Column, Section, Table

_COLUMNS = (
    Column("Operation"),
    Column("dtype"),
    Column("Mode"),
    Column("Comparisons", numeric=True),
    Column("Worst verdict"),
    Column("Leaf"),
    Column("Largest difference", numeric=True),
)
_PROBLEMS = (Column("Operation"), Column("Where"), Column("Verdict"), Column("RunCache", wide=True))
MOST_PROBLEMS = 100  # the rest is in report.json; one broken operation alone fails some dozens of comparisons


def section(run: dict[str, Any] | None) -> Section:
    name, title = "parity", "Parity"
    if run is None:
        return Section(
            name, title, missing="No comparison of the two frameworks is in this folder.", command="parity run"
        )
    rows = tuple(row for report in run["reports"] for row in _rows(report))
    if not rows:
        return Section(name, title, missing="The run compared nothing.", command="parity run")
    tables = [
        Table("parity-table", "Parity of each operation, dtype and mode", _COLUMNS, rows, filtered=True, choice=4),
    ]
    failed = [(report, f) for report in run["reports"] for f in report["findings"] if not passes(f["verdict"])]
    text = [
        "The difference is the largest of any leaf with the worst verdict, as a fraction of that leaf's largest magnitude."
    ]
    if failed:
        shown = failed[:MOST_PROBLEMS]
        caption = f"What failed: {len(shown)} of {len(failed)} comparisons that did not pass"
        tables.insert(0, Table("failed-table", caption, _PROBLEMS, tuple(_problem(*pair) for pair in shown)))
    return Section(name, title, tuple(text), tables=tuple(tables))


def passes(verdict: str) -> bool:
    """A word that is no verdict never passes."""
    return verdict in set(Verdict) and Verdict(verdict).passes


def severity(verdict: str) -> int:
    """As `Verdict.severity`; a word that is no verdict is worse than every verdict."""
    return Verdict(verdict).severity if verdict in set(Verdict) else len(Verdict)


def worst(findings: list[dict[str, Any]]) -> dict[str, Any]:
    """The finding of the worst verdict, and among these of the largest difference."""
    return max(findings, key=lambda f: (severity(f["verdict"]), _error(f)))


def _error(finding: dict[str, Any]) -> float:
    error = float(finding["error"])
    return error if error == error else -1.0  # NaN: nothing could be subtracted


def _rows(report: dict[str, Any]) -> list[tuple[Cell, ...]]:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for finding in report["findings"]:
        groups.setdefault((finding["dtype"], finding["mode"]), []).append(finding)
    if not groups:
        nothing = Cell(NOTHING)
        verdict = Cell(str(Verdict.VACUOUS), tone="bad")
        return [(Cell(report["name"]), nothing, nothing, Cell("0", 0.0), verdict, nothing, nothing)]
    found: list[tuple[Cell, ...]] = []
    for (dtype, mode), findings in groups.items():
        one = worst(findings)
        error = _error(one)
        found.append(
            (
                Cell(report["name"]),
                Cell(dtype),
                Cell(mode),
                Cell(str(len(findings)), float(len(findings))),
                _verdict(one["verdict"]),
                Cell(one["leaf"]),
                Cell(NOTHING) if error < 0 else Cell(f"{error:.1e}" if error else "0", error),
            )
        )
    return found


def _problem(report: dict[str, Any], finding: dict[str, Any]) -> tuple[Cell, ...]:
    regime = f" [{finding['regime']}]" if finding["regime"] not in (None, "unit") else ""
    side = f" ({finding['side']})" if finding["side"] else ""
    causes = "".join(f"{cause['name']}: " for cause in (finding["causes"] or [])[:1])
    return (
        Cell(report["name"]),
        Cell(f"{finding['leaf']} {finding['dtype']} {finding['mode']}{regime}"),
        Cell(f"{finding['verdict']}{side}", tone="bad"),
        Cell(f"{causes}{finding['message']}"),
    )


def _verdict(verdict: str) -> Cell:
    return Cell(verdict, tone="" if passes(verdict) else "bad")
