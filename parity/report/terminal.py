"""What a person sees while a run goes on and after it: progress bar and coloured table."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from parity.digits import Training
from parity.finding import Verdict
from parity.report.report import Report
from parity.report.summary import failures, rows


def progress_bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=console,
    )


def verdict_text(verdict: Verdict) -> Text:
    return Text(str(verdict), style="green" if verdict.passes else "bold red")


def table(reports: Iterable[Report]) -> Table:
    shown = Table(title="parity", caption="difference: largest, as a fraction of the leaf's largest magnitude")
    for heading in ("what", "dtype", "mode"):
        shown.add_column(heading)
    shown.add_column("compared", justify="right")
    shown.add_column("worst verdict")
    shown.add_column("leaf")
    shown.add_column("difference", justify="right")
    previous = ""
    for row in rows(reports):
        if previous and row.name != previous:
            shown.add_section()
        name, previous = (row.name if row.name != previous else ""), row.name
        cells = (name, row.dtype, row.mode, str(row.comparisons), verdict_text(row.verdict), row.worst.leaf, row.error)
        shown.add_row(*cells)
    return shown


def print_training(console: Console, training: Training) -> None:
    """How many held-out images each side reads right."""
    right = [
        f"{side} {round(share * training.images)} ({100 * share:.2f} %)" for side, share in training.accuracy.items()
    ]
    console.print(f"digits: of {training.images} held-out images are read right: {', '.join(right)}", highlight=False)


def print_failures(console: Console, reports: Iterable[Report]) -> None:
    for problem in failures(reports):
        console.print(Text(problem, style="red"), soft_wrap=True)
