"""`parity calibrate`: tests the clock on known answers."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from parity.commands.options import REPORT, Json, ReportFolder, end
from parity.processes.settings import use_threads


def calibrate(
    trials: Annotated[int, typer.Option(min=1, help="Trials of each kind, function and method.")] = 100,
    seconds: Annotated[float, typer.Option(min=0.01, help="Seconds per trial.")] = 2.0,
    beside: Annotated[int, typer.Option(min=1, help="Run pytest-benchmark in one of this many trials.")] = 10,
    report: ReportFolder = REPORT,
    as_json: Json = False,
) -> None:
    """Test the clock on this machine: a function against itself and a true slowdown of 5 %, beside pytest-benchmark.

    Writes calibration.json and calibration.md. The exit code is 0 only if the clock met its targets. It takes about 25 minutes
    with the defaults; a stopped run keeps the finished trials.
    """
    from parity.bench.settings import processors

    use_threads(processors())
    from parity.bench.calibration import results
    from parity.bench.calibration.run import run
    from parity.processes.files import writable_folder
    from parity.report import terminal
    from parity.report.calibration_table import table

    folder = writable_folder(report, "--report")
    console = Console(stderr=as_json)
    result, interrupted = results.Calibration(trials, seconds), False
    with terminal.progress_bar(console) as bar:
        task = bar.add_task(result.doing, total=None)
        try:
            for result in run(trials, seconds, beside=beside):
                bar.update(task, description=result.doing, completed=result.done, total=result.total)
                result.write(folder)
        except KeyboardInterrupt:
            interrupted = True
        bar.update(task, description="stopped" if interrupted else "done")
    if as_json:
        print(json.dumps(result.to_dict(), indent=2, allow_nan=False))
    else:
        console.print(table(result))
        for target in result.requirements():
            console.print(str(target), style="" if target.met else "red", highlight=False)
    end(
        console,
        f"{folder / results.MARKDOWN}, {folder / results.JSON}",
        passed=result.passed,
        complete=result.complete,
        interrupted=interrupted,
    )
