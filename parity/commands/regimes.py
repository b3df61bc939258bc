"""`parity regimes`: the operations where functions break."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from parity.commands.options import REPORT, Json, Processes, ReportFolder, end
from parity.processes.settings import use_threads


def regimes(
    select: Annotated[list[str] | None, typer.Argument(help="Operations; all by default.")] = None,
    report: ReportFolder = REPORT,
    processes: Processes = None,
    as_json: Json = False,
) -> None:
    """Check the built-in operations where functions break: values out of range, extreme sizes, masked rows.

    Writes regimes.json; the exit code is 0 only if no operation failed in any regime.
    """
    use_threads(1)
    from parity.jobs import regimes as measured
    from parity.processes.files import writable_folder
    from parity.processes.pool import default_processes
    from parity.report import regimes as shown
    from parity.report import terminal

    folder, selected = writable_folder(report, "--report"), measured.select(select or [])
    console, rows, interrupted = Console(stderr=as_json), list[measured.Row](), False
    with terminal.progress_bar(console) as bar:
        task = bar.add_task("starting", total=len(selected))

        def progress(name: str, words: str, fraction: float) -> None:
            bar.update(task, description=f"{name}: {words}")

        try:
            shown.write_report(rows, False, folder)  # in place of that of an earlier run
            for done, found in enumerate(measured.run(selected, progress, processes or default_processes()), 1):
                rows += found
                bar.update(task, completed=done)
                shown.write_report(rows, done == len(selected), folder)
        except KeyboardInterrupt:
            interrupted = True
        bar.update(task, description="stopped" if interrupted else "done")
    if as_json:
        print(json.dumps(shown.as_dict(rows, not interrupted), indent=2))
    else:
        console.print(shown.table(rows))
        shown.print_messages(console, rows)
    passed = not interrupted and bool(rows) and all(row.passed for row in rows)
    end(console, f"{folder / 'regimes.json'}", passed=passed, complete=not interrupted, interrupted=interrupted)
