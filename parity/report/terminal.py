"""What a person sees while a run goes on and after it: progress bar and coloured table."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from parity.jobs.digits import Training
from parity.judge.finding import Verdict
from parity.judge.report import Report
from parity.report.summary import failures, rows

# A terminal of so many columns has room for `compared` too.
WIDE = 96
# Columns of all but the names and the leaves, with and without `compared`. A leaf gets what is left, so that it is folded
# before the name of an operation is.
REST, NARROW_REST, LEAST_LEAF = 62, 51, 10


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


def table(reports: Iterable[Report], width: int = WIDE) -> Table:
    """One row for each dtype and mode. Nothing is cut off: what does not fit in `width` columns goes on below."""
    found = rows(reports)
    is_wide, longest = width >= WIDE, max((len(row.name) for row in found), default=0)
    room = width - (REST if is_wide else NARROW_REST) - longest
    shown = Table(title="parity", caption="difference: largest, as a fraction of the leaf's largest magnitude")
    shown.add_column("what", overflow="fold")
    shown.add_column("dtype and mode", no_wrap=True)
    if is_wide:
        shown.add_column("compared", justify="right", no_wrap=True)
    shown.add_column("worst\nverdict")
    shown.add_column("leaf", overflow="fold", max_width=max(LEAST_LEAF, room))
    shown.add_column("difference", justify="right", no_wrap=True)
    previous = ""
    for row in found:
        if previous and row.name != previous:
            shown.add_section()
        name, previous = (row.name if row.name != previous else ""), row.name
        compared = [str(row.comparisons)] if is_wide else []
        how = f"{row.dtype} {row.mode}"
        shown.add_row(name, how, *compared, verdict_text(row.verdict), row.worst.leaf, row.error)
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
