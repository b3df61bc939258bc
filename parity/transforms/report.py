"""The matrix for a person (a coloured table, cell × operation) and for a machine (JSON), written as it goes."""

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
        # An infinite difference (another structure) is no JSON number.
        "outcomes": [_finite(outcome.to_dict()) for outcome in matrix.outcomes],
        "left_out": [vars(one) for one in matrix.left_out],
    }


def _finite(outcome: dict[str, Any]) -> dict[str, Any]:
    error = outcome["error"]
    return outcome | {"error": error if error < float("inf") else None, "seconds": round(outcome["seconds"], 3)}


def as_json(matrix: Matrix) -> str:
    return json.dumps(to_dict(matrix), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def write_report(matrix: Matrix, folder: Path) -> None:
    """Replaces `transforms.json` in this folder; one with less than everything says `complete: false`."""
    write(folder / FILE, as_json(matrix))


def table(matrix: Matrix) -> Table:
    """A row for each cell, a column for each operation."""
    found = {(o.group, o.cell, o.op): str(o.verdict) for o in matrix.outcomes}
    found |= {(one.group, one.cell, one.op): LEFT_OUT for one in matrix.left_out}
    of_catalogue = [o for o in matrix.outcomes if o.group in GROUPS]
    ops = list(dict.fromkeys([o.op for o in of_catalogue] + [one.op for one in matrix.left_out]))
    caption = f"{LEFT_OUT}: makes no sense for this operation; blank: not for this column"
    shown = Table("", "cell", title="transformations", caption=caption)
    for op in ops:
        shown.add_column(op.replace("_", "\n"), no_wrap=True)  # one word a line keeps the columns narrow
    previous = ""
    for cell in CELLS:
        words = [found.get((cell.group, cell.name, op), "") for op in ops]
        if not any(words):
            continue
        if previous and cell.group != previous:
            shown.add_section()
        shown.add_row(cell.group if cell.group != previous else "", cell.name, *map(_coloured, words))
        previous = cell.group
    return shown


def measured_table(matrix: Matrix) -> Table | None:
    """Checkpointing and many devices: a row for each cell, with what was measured; None if there is none."""
    outcomes = [o for o in matrix.outcomes if o.group not in GROUPS]
    shown = Table("", "cell", "of", "verdict", "measured", title="in processes of their own")
    previous = ""
    for outcome in outcomes:
        if previous and outcome.group != previous:
            shown.add_section()
        group, previous = ("" if outcome.group == previous else outcome.group), outcome.group
        shown.add_row(group, outcome.cell, outcome.op, _coloured(str(outcome.verdict)), Text(outcome.message))
    return shown if outcomes else None


def _coloured(word: str) -> Text:
    if word in ("", LEFT_OUT):
        return Text(word, style="dim")
    verdict = Verdict(word)
    style = "bold red" if not verdict.passes else "yellow" if verdict is Verdict.CONVENTION else "green"
    return Text(word.lower() if verdict.passes else word, style=style)


def print_summary(console: Console, matrix: Matrix) -> None:
    """What failed and why, what was left out and why, and how many cells a second there were."""
    for outcome in matrix.failures:
        words = f"{outcome.op} {outcome.group} {outcome.cell}: {outcome.verdict}: {outcome.message}"
        console.print(Text(words, style="red"), soft_wrap=True)
    for (group, cell, reason), count in Counter((o.group, o.cell, o.reason) for o in matrix.left_out).items():
        console.print(f"left out in {count}: {group} {cell}: {reason}", highlight=False, markup=False, soft_wrap=True)
    if matrix.seconds:
        judged = len(matrix.outcomes)
        speed = f"{judged} cells in {matrix.seconds:.0f} s: {judged / matrix.seconds:.2f} a second"
        console.print(speed, highlight=False)
