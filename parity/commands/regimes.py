"""`parity regimes`: the built-in operations on hard inputs."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from parity.commands.options import REPORT, Json, Processes, ReportFolder, end
from parity.processes.settings import use_threads


def regimes(
    select: Annotated[list[str] | None, typer.Argument(help="Operations (default: all).")] = None,
    report: ReportFolder = REPORT,
    processes: Processes = None,
    as_json: Json = False,
) -> None:
    """Check the built-in operations on hard inputs: extreme values, extreme sizes, masked rows.

    Writes regimes.json. The exit code is 0 only if every operation passed in every regime.
    """
    use_threads(1)
    from parity.jobs import regimes as jobs
    from parity.processes.files import writable_folder
    from parity.processes.pool import default_processes
    from parity.report import regimes as reports
    from parity.report import terminal

    folder, selected = writable_folder(report, "--report"), jobs.select(select or [])
    console, rows, interrupted = Console(stderr=as_json), list[jobs.RegimeOutcome](), False
    with terminal.progress_bar(console) as bar:
        task = bar.add_task("starting", total=len(selected))

        def progress(name: str, message: str, fraction: float) -> None:
            bar.update(task, description=f"{name}: {message}")

        try:
            reports.write_report(rows, False, folder)  # replaces the file of an earlier run
            for done, outcomes in enumerate(jobs.run(selected, progress, processes or default_processes()), 1):
                rows += outcomes
                bar.update(task, completed=done)
                reports.write_report(rows, done == len(selected), folder)
        except KeyboardInterrupt:
            interrupted = True
        bar.update(task, description="stopped" if interrupted else "done")
    if as_json:
        print(json.dumps(reports.as_dict(rows, not interrupted), indent=2))
    else:
        console.print(reports.table(rows))
        reports.print_messages(console, rows)
    passed = not interrupted and bool(rows) and all(row.passed for row in rows)
    end(console, f"{folder / 'regimes.json'}", passed=passed, complete=not interrupted, interrupted=interrupted)
