"""The operations in all regimes, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from parity.jobs.regimes import REJECTED, UNINFORMATIVE, Row
from parity.processes.files import write

SCHEMA = "parity-regimes/1"


def as_dict(rows: Sequence[Row], complete: bool) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "complete": complete,
        "passed": complete and bool(rows) and all(row.passed for row in rows),
        "rows": [row.to_dict() for row in rows],
    }


def write_report(rows: Sequence[Row], complete: bool, folder: Path) -> None:
    write(folder / "regimes.json", json.dumps(as_dict(rows, complete), indent=2) + "\n")


def table(rows: Sequence[Row]) -> Table:
    """Regime × operation: the worst verdict, and how many of the comparisons said something."""
    names = sorted({row.op for row in rows})
    shown = Table(
        "regime",
        *names,
        title="regimes",
        caption=f"{UNINFORMATIVE}: saturated or all NaN, no pass; {REJECTED}: both sides refuse in the same words; "
        "n/m: n of m comparisons said something",
    )
    for regime in dict.fromkeys(row.regime for row in rows):
        found = {row.op: row for row in rows if row.regime == regime}
        shown.add_row(regime, *(_cell(found[name]) if name in found else Text("") for name in names))
    return shown


def _cell(row: Row) -> Text:
    style = "bold red" if not row.passed else "yellow" if row.outcome in (UNINFORMATIVE, REJECTED) else "green"
    told = f" {row.comparisons - row.silent}/{row.comparisons}" if row.silent and row.silent < row.comparisons else ""
    return Text(row.outcome + told, style=style)


def print_messages(console: Console, rows: Sequence[Row]) -> None:
    for row in rows:
        if not row.passed:
            console.print(Text(f"{row.op} {row.regime}: {row.message}", style="red"), soft_wrap=True)
