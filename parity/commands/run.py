"""`parity run`: the main job."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from parity.commands.options import REPORT, Dtypes, Json, Modes, Processes, ReportFolder, end
from parity.processes.settings import use_threads


def run(
    select: Annotated[list[str] | None, typer.Argument(help="Operations, or `digits` (default: everything).")] = None,
    dtype: Dtypes = ["float32", "bfloat16"],  # noqa: B006 (typer copies it)
    mode: Modes = ["eager", "compiled"],  # noqa: B006
    steps: Annotated[int, typer.Option(min=2, help="Training steps per framework on the digits.")] = 500,
    report: ReportFolder = REPORT,
    processes: Processes = None,
    as_json: Json = False,
) -> None:
    """Check all built-in operations in both frameworks, then train both on handwritten digits.

    Writes report.json, report.md, the loss curves and index.html. The exit code is 0 only if everything passed.
    """
    use_threads(1)
    from parity.jobs import suite as suites
    from parity.processes.files import writable_folder
    from parity.processes.pool import default_processes
    from parity.report import files, terminal
    from parity.report.page import write_page

    folder = writable_folder(report, "--report")
    suite = suites.Suite(suites.select(select or []))
    console = Console(stderr=as_json)
    interrupted = False
    with terminal.progress_bar(console) as bar:
        task = bar.add_task("starting", total=len(suite.selected))

        fractions: dict[str, float] = {}

        def progress(name: str, message: str, fraction: float) -> None:
            fractions[name] = fraction
            finished = {report.name for report in suite.reports}
            started = sum(done for name, done in fractions.items() if name not in finished)
            bar.update(task, description=f"{name}: {message}", completed=len(finished) + started)

        try:
            files.write_report(suite, folder)
            for _ in suites.run(suite, dtype, mode, steps, progress, processes or default_processes()):
                bar.update(task, completed=len(suite.reports))
                files.write_report(suite, folder)
        except KeyboardInterrupt:
            interrupted = True
        bar.update(task, description="stopped" if interrupted else "done")
    files.write_report(suite, folder)
    write_page(folder)
    if as_json:
        print(json.dumps(files.as_dict(suite), indent=2, allow_nan=False))
    else:
        console.print(terminal.table(suite.reports, console.width))
        if suite.training is not None:
            terminal.print_training(console, suite.training)
        terminal.print_failures(console, suite.reports)
    end(
        console,
        f"{folder / 'report.md'}, {folder / 'report.json'}, {folder / 'index.html'}",
        passed=suite.passed,
        complete=suite.complete,
        interrupted=interrupted,
    )
