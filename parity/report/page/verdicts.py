"""The parity section: a table of all comparisons and, above it, one of the failures."""

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
_PROBLEMS = (Column("Operation"), Column("Where"), Column("Verdict"), Column("Evidence", wide=True))
MOST_PROBLEMS = 100  # report.json has the rest; one broken operation alone fails some dozens of comparisons


def section(run: dict[str, Any] | None) -> Section:
    """The section, from the content of report.json."""
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
    if failed:
        listed = failed[:MOST_PROBLEMS]
        caption = f"Failures: {len(listed)} of {len(failed)} comparisons that did not pass"
        tables.insert(0, Table("failed-table", caption, _PROBLEMS, tuple(_problem(*pair) for pair in listed)))
    text = "The difference is the largest of the leaves with the worst verdict, as a fraction of the leaf's largest magnitude."
    return Section(name, title, (text,), tables=tuple(tables))


def passes(verdict: str) -> bool:
    """Whether the verdict passes; a word that is not a verdict never does."""
    return verdict in set(Verdict) and Verdict(verdict).passes


def severity(verdict: str) -> int:
    """`Verdict.severity`; a word that is not a verdict is worse than every verdict."""
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
    rows: list[tuple[Cell, ...]] = []
    for (dtype, mode), findings in groups.items():
        one = worst(findings)
        error = _error(one)
        rows.append(
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
    return rows


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
