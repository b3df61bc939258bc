"""The matrix for people (coloured tables, cell × operation) and for machines (JSON), rewritten as cells finish."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from parity.execution.environment import environment
from parity.judge.finding import Verdict
from parity.processes.files import write
from parity.transforms.catalogue import CELLS, GROUPS
from parity.transforms.check import Matrix

SCHEMA = "parity-transforms/1"
FILE = "transforms.json"
LEFT_OUT = "–"


def to_dict(matrix: Matrix) -> dict[str, Any]:
    """The content of `transforms.json`."""
    judged = len(matrix.outcomes)
    return {
        "schema": SCHEMA,
        "complete": matrix.complete,
        "passed": matrix.passed,
        "verdict": str(matrix.verdict),
        "cells": judged,
        "seconds": round(matrix.seconds, 1),
        "cells_per_second": round(judged / matrix.seconds, 2) if matrix.seconds else 0.0,
        "environment": environment(),
        # JSON has no number for an infinite difference (another structure).
        "outcomes": [_finite(outcome.to_dict()) for outcome in matrix.outcomes],
        "left_out": [vars(skipped) for skipped in matrix.left_out],
    }


def _finite(outcome: dict[str, Any]) -> dict[str, Any]:
    error = outcome["error"]
    return outcome | {"error": error if error < float("inf") else None, "seconds": round(outcome["seconds"], 3)}


def as_json(matrix: Matrix) -> str:
    """`to_dict` as indented JSON without NaN."""
    return json.dumps(to_dict(matrix), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def write_report(matrix: Matrix, folder: Path) -> None:
    """Replaces `transforms.json` in this folder; `complete` in it is false until every cell is there."""
    write(folder / FILE, as_json(matrix))


def table(matrix: Matrix) -> Table:
    """A row for each cell, a column for each operation."""
    entries = {(o.group, o.cell, o.op): str(o.verdict) for o in matrix.outcomes}
    entries |= {(skipped.group, skipped.cell, skipped.op): LEFT_OUT for skipped in matrix.left_out}
    of_catalogue = [o for o in matrix.outcomes if o.group in GROUPS]
    ops = list(dict.fromkeys([o.op for o in of_catalogue] + [skipped.op for skipped in matrix.left_out]))
    caption = f"{LEFT_OUT}: does not apply to this operation; blank: not for this column"
    rows = Table("", "cell", title="transformations", caption=caption)
    for op in ops:
        rows.add_column(op.replace("_", "\n"), no_wrap=True)  # one word a line keeps the columns narrow
    previous = ""
    for cell in CELLS:
        verdicts = [entries.get((cell.group, cell.name, op), "") for op in ops]
        if not any(verdicts):
            continue
        if previous and cell.group != previous:
            rows.add_section()
        rows.add_row(cell.group if cell.group != previous else "", cell.name, *map(_coloured, verdicts))
        previous = cell.group
    return rows


def measured_table(matrix: Matrix) -> Table | None:
    """Checkpointing and many devices: a row for each cell with its figures; None if there is no such cell."""
    outcomes = [o for o in matrix.outcomes if o.group not in GROUPS]
    rows = Table("", "cell", "of", "verdict", "measured", title="in processes of their own")
    previous = ""
    for outcome in outcomes:
        if previous and outcome.group != previous:
            rows.add_section()
        group, previous = ("" if outcome.group == previous else outcome.group), outcome.group
        rows.add_row(group, outcome.cell, outcome.op, _coloured(str(outcome.verdict)), Text(outcome.message))
    return rows if outcomes else None


def _coloured(entry: str) -> Text:
    if entry in ("", LEFT_OUT):
        return Text(entry, style="dim")
    verdict = Verdict(entry)
    style = "bold red" if not verdict.passes else "yellow" if verdict is Verdict.CONVENTION else "green"
    return Text(entry.lower() if verdict.passes else entry, style=style)


def print_summary(console: Console, matrix: Matrix) -> None:
    """Prints what failed and why, what was skipped and why, and the number of cells per second."""
    for outcome in matrix.failures:
        failure = f"{outcome.op} {outcome.group} {outcome.cell}: {outcome.verdict}: {outcome.message}"
        console.print(Text(failure, style="red"), soft_wrap=True)
    for (group, cell, reason), count in Counter((o.group, o.cell, o.reason) for o in matrix.left_out).items():
        console.print(f"skipped in {count}: {group} {cell}: {reason}", highlight=False, markup=False, soft_wrap=True)
    if matrix.seconds:
        judged = len(matrix.outcomes)
        speed = f"{judged} cells in {matrix.seconds:.0f} s: {judged / matrix.seconds:.2f} cells/s"
        console.print(speed, highlight=False)
