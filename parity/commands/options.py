"""The options that several commands share, and the exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Dtypes = Annotated[list[str], typer.Option("--dtype", help="Precision rung after float64; may be repeated.")]
Modes = Annotated[list[str], typer.Option("--mode", help="eager or compiled; may be repeated.")]
Processes = Annotated[int | None, typer.Option(min=1, help="How many to work on at a time; by default up to two.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of a table for people.")]
ReportFolder = Annotated[Path, typer.Option("--report", help="Folder of the report.")]
REPORT = Path("parity-report")

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130
