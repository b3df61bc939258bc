"""`parity transforms`: the built-in operations under transformations."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from parity.commands.options import REPORT, Json, Processes, ReportFolder, end
from parity.processes.settings import use_threads


def transforms(
    select: Annotated[
        list[str] | None, typer.Argument(help="Operations, conventions, checkpoint, devices (default: all).")
    ] = None,
    report: ReportFolder = REPORT,
    processes: Processes = None,
    as_json: Json = False,
) -> None:
    """Check the built-in operations under jit, vmap, grad, their compositions, checkpointing and many devices.

    Writes transforms.json. The exit code is 0 only if every cell passed.
    """
    use_threads(1)
    from parity.processes.files import writable_folder
    from parity.processes.pool import default_processes
    from parity.report import terminal
    from parity.transforms import report as reports
    from parity.transforms import run as matrices
    from parity.transforms.check import Matrix

    folder, selected = writable_folder(report, "--report"), matrices.selected(select or [])
    console, matrix, interrupted = Console(stderr=as_json), Matrix(), False
    with terminal.progress_bar(console) as bar:
        task = bar.add_task("starting", total=matrices.total(selected))

        def progress(name: str, message: str, fraction: float) -> None:
            bar.update(task, description=f"{name}: {message}")

        try:
            reports.write_report(matrix, folder)  # replaces the file of an earlier run
            for outcomes in matrices.run(matrix, selected, progress, processes or default_processes()):
                bar.advance(task, len(outcomes))
                reports.write_report(matrix, folder)
        except KeyboardInterrupt:
            interrupted = True
        bar.update(task, description="stopped" if interrupted else "done")
    if as_json:
        print(reports.as_json(matrix), end="")
    else:
        for table in (reports.table(matrix), reports.measured_table(matrix)):
            if table is not None and table.row_count:
                console.print(table)
        reports.print_summary(console, matrix)
    end(console, f"{folder / reports.FILE}", passed=matrix.passed, complete=matrix.complete, interrupted=interrupted)
