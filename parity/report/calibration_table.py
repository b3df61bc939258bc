"""The trials of `parity calibrate`, in a terminal of 80 columns."""

from __future__ import annotations

import textwrap

from rich import box
from rich.table import Table

from parity.bench.calibration.results import HEADINGS, NOTE, Calibration
from parity.bench.calibration.trials import METHODS

# Of a heading, in characters; the names of methods and functions need the rest.
WIDTH = 7


def table(found: Calibration) -> Table:
    """A row for each method and function, methods apart."""
    shown = Table(title="the clock against known answers", caption=NOTE, box=box.SIMPLE, padding=(0, 1, 0, 0))
    for heading in HEADINGS:
        shown.add_column("\n".join(textwrap.wrap(heading, WIDTH, break_long_words=False)), no_wrap=True)
    for method in METHODS:
        shown.add_section()
        for row in found.rows():
            if row.method == method:
                shown.add_row(*(cell.replace(", ", ",\n").replace(" of ", "/") for cell in row.cells))
    return shown
