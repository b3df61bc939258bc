"""Progress bar, coloured table and failures of a run, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from parity.jobs.digits import Training
from parity.judge.finding import Verdict
from parity.judge.report import Report
from parity.report.summary import failures, summaries

# A terminal with this many columns also shows `compared`.
WIDE = 96
# Columns taken by everything but operations and leaves, with and without `compared`. A leaf gets the rest, so that it is folded
# before the name of an operation is.
REST, NARROW_REST, LEAST_LEAF = 62, 51, 10


def progress_bar(console: Console) -> Progress:
    """A spinner, what is being done, a bar, percent and elapsed time."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=console,
    )


def verdict_text(verdict: Verdict) -> Text:
    """The verdict in green if it passes, else in red."""
    return Text(str(verdict), style="green" if verdict.passes else "bold red")


def table(reports: Iterable[Report], width: int = WIDE) -> Table:
    """One row for each operation, dtype and mode. Text that does not fit in `width` columns is folded, never cut off."""
    rows = summaries(reports)
    is_wide, longest = width >= WIDE, max((len(row.name) for row in rows), default=0)
    leaf_width = width - (REST if is_wide else NARROW_REST) - longest
    table = Table(title="parity", caption="difference: the largest, as a fraction of the leaf's largest magnitude")
    table.add_column("operation", overflow="fold")
    table.add_column("dtype and mode", no_wrap=True)
    if is_wide:
        table.add_column("compared", justify="right", no_wrap=True)
    table.add_column("worst\nverdict")
    table.add_column("leaf", overflow="fold", max_width=max(LEAST_LEAF, leaf_width))
    table.add_column("difference", justify="right", no_wrap=True)
    previous = ""
    for row in rows:
        if previous and row.name != previous:
            table.add_section()
        name, previous = (row.name if row.name != previous else ""), row.name
        compared = [str(row.comparisons)] if is_wide else []
        table.add_row(name, f"{row.dtype} {row.mode}", *compared, verdict_text(row.verdict), row.worst.leaf, row.error)
    return table


def print_training(console: Console, training: Training) -> None:
    """How many held-out images each side classifies correctly."""
    correct = [
        f"{side} {round(share * training.images)} ({100 * share:.2f} %)" for side, share in training.accuracy.items()
    ]
    console.print(f"digits: of {training.images} held-out images, correct: {', '.join(correct)}", highlight=False)


def print_failures(console: Console, reports: Iterable[Report]) -> None:
    """One red line for each finding that does not pass."""
    for problem in failures(reports):
        console.print(Text(problem, style="red"), soft_wrap=True)
