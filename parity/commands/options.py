"""Options that several commands share, the exit codes, and the end of a run that writes a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

Dtypes = Annotated[
    list[str],
    typer.Option("--dtype", help="Precision to check after float64: float32, bfloat16 or float16. Repeatable."),
]
Modes = Annotated[list[str], typer.Option("--mode", help="eager or compiled. Repeatable.")]
Processes = Annotated[int | None, typer.Option(min=1, help="Processes to run in parallel; by default up to two.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
ReportFolder = Annotated[Path, typer.Option("--report", help="Folder to write the report to.")]
REPORT = Path("parity-report")

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


def end(console: Console, files: str, *, passed: bool, complete: bool, interrupted: bool) -> None:
    """Prints the state and the files of the report.

    Raises:
        typer.Exit: with the exit code, unless everything passed.
    """
    state = "passed" if passed else "failed" if complete else "incomplete"
    console.print(f"{state}: {files}", highlight=False, soft_wrap=True)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if not passed:
        raise typer.Exit(FAILED)
