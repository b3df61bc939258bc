"""The trials of `parity calibrate`, in a terminal of 80 columns."""

from __future__ import annotations

import textwrap

from rich import box
from rich.table import Table

from parity.bench.calibration.results import HEADINGS, NOTE, Calibration
from parity.bench.calibration.trials import METHODS

# Characters of a heading; the names of methods and functions need the rest.
WIDTH = 7


def table(calibration: Calibration) -> Table:
    """A row for each method and function, a section for each method."""
    table = Table(title="the clock against known answers", caption=NOTE, box=box.SIMPLE, padding=(0, 1, 0, 0))
    for heading in HEADINGS:
        table.add_column("\n".join(textwrap.wrap(heading, WIDTH, break_long_words=False)), no_wrap=True)
    for method in METHODS:
        table.add_section()
        for row in calibration.rows():
            if row.method == method:
                table.add_row(*(cell.replace(", ", ",\n").replace(" of ", "/") for cell in row.cells))
    return table
