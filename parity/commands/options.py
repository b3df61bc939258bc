"""The options that several commands share, the exit codes, and how a run that writes a report ends."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

Dtypes = Annotated[list[str], typer.Option("--dtype", help="Precision rung after float64; may be repeated.")]
Modes = Annotated[list[str], typer.Option("--mode", help="eager or compiled; may be repeated.")]
Processes = Annotated[int | None, typer.Option(min=1, help="How many to work on at a time; by default up to two.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of a table for people.")]
ReportFolder = Annotated[Path, typer.Option("--report", help="Folder of the report.")]
REPORT = Path("parity-report")

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


def end(console: Console, files: str, *, passed: bool, complete: bool, interrupted: bool) -> None:
    """Says how it ended and which files tell more; leaves with the exit code unless everything passed."""
    state = "passed" if passed else "failed" if complete else "incomplete"
    console.print(f"{state}: {files}", highlight=False, soft_wrap=True)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if not passed:
        raise typer.Exit(FAILED)
