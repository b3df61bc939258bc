"""The outcome of `parity regimes`, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from parity.jobs.regimes import REJECTED, UNINFORMATIVE, RegimeOutcome
from parity.judge.serialize import plain
from parity.processes.files import write

SCHEMA = "parity-regimes/1"


def as_dict(rows: Sequence[RegimeOutcome], complete: bool) -> dict[str, Any]:
    """The content of regimes.json."""
    return {
        "schema": SCHEMA,
        "complete": complete,
        "passed": complete and bool(rows) and all(row.passed for row in rows),
        "rows": plain(rows),
    }


def write_report(rows: Sequence[RegimeOutcome], complete: bool, folder: Path) -> None:
    """Writes regimes.json with what is finished so far."""
    write(folder / "regimes.json", json.dumps(as_dict(rows, complete), indent=2) + "\n")


def table(rows: Sequence[RegimeOutcome]) -> Table:
    """Regime × operation: the worst verdict, and how many of the comparisons could have failed."""
    names = sorted({row.op for row in rows})
    table = Table(
        "regime",
        *names,
        title="regimes",
        caption=f"{UNINFORMATIVE}: no comparison could fail (saturated or all NaN); {REJECTED}: both sides raise the same "
        "ValueError; n/m: n of m comparisons could fail",
    )
    for regime in dict.fromkeys(row.regime for row in rows):
        outcomes = {row.op: row for row in rows if row.regime == regime}
        table.add_row(regime, *(_cell(outcomes[name]) if name in outcomes else Text("") for name in names))
    return table


def _cell(row: RegimeOutcome) -> Text:
    color = "bold red" if not row.passed else "yellow" if row.outcome in (UNINFORMATIVE, REJECTED) else "green"
    share = f" {row.comparisons - row.silent}/{row.comparisons}" if row.silent and row.silent < row.comparisons else ""
    return Text(row.outcome + share, style=color)


def print_messages(console: Console, rows: Sequence[RegimeOutcome]) -> None:
    """One red line for each outcome that does not pass."""
    for row in rows:
        if not row.passed:
            console.print(Text(f"{row.op} {row.regime}: {row.message}", style="red"), soft_wrap=True)
