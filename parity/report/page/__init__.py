"""`parity-report/index.html`: the results of the folder as one page."""

from __future__ import annotations

from pathlib import Path

from parity.errors import InputError
from parity.processes.files import write
from parity.report.page.read import read_source
from parity.report.page.schemas import BENCH, BENCH_SCHEMA, RUN, RUN_SCHEMA


def write_page(folder: Path) -> Path | None:
    """Writes `folder/index.html` from its `report.json` and `bench.json`; None if there is neither.

    The page names a file that is damaged, incomplete or of another schema.

    Raises:
        InputError: Jinja2 or matplotlib is not installed.
    """
    run = read_source(folder / "report.json", RUN_SCHEMA, RUN, "parity run")
    bench = read_source(folder / "bench.json", BENCH_SCHEMA, BENCH, "parity bench")
    if not any(source.data or source.problem for source in (run, bench)):
        return None
    try:
        from parity.report.page.contents import page
        from parity.report.page.render import render
    except ModuleNotFoundError as error:
        raise InputError(f'{error.name} is not installed; install it with: pip install "parity[bench]"') from error
    path = folder / "index.html"
    write(path, render(page(run, bench)))
    return path
