"""`parity calibrate`: the clock, against known answers."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from parity.commands.options import REPORT, Json, ReportFolder, end
from parity.processes.settings import use_threads


def calibrate(
    trials: Annotated[int, typer.Option(min=1, help="Trials of each kind, function and method.")] = 100,
    seconds: Annotated[float, typer.Option(min=0.01, help="Seconds of one trial.")] = 2.0,
    beside: Annotated[int, typer.Option(min=1, help="pytest-benchmark takes part in one of so many trials.")] = 10,
    report: ReportFolder = REPORT,
    as_json: Json = False,
) -> None:
    """Prove the clock on this machine: one function against itself, and a true slowdown of 5 %, beside pytest-benchmark.

    Writes calibration.json and calibration.md; the exit code is 0 only if the clock met its targets. With the defaults it
    takes about 25 minutes; what is done is kept when it is stopped.
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
    found, interrupted = results.Calibration(trials, seconds), False
    with terminal.progress_bar(console) as bar:
        task = bar.add_task(found.doing, total=None)
        try:
            for found in run(trials, seconds, beside=beside):
                bar.update(task, description=found.doing, completed=found.done, total=found.total)
                found.write(folder)
        except KeyboardInterrupt:
            interrupted = True
        bar.update(task, description="stopped" if interrupted else "done")
    if as_json:
        print(json.dumps(found.to_dict(), indent=2, allow_nan=False))
    else:
        console.print(table(found))
        for target in found.requirements():
            console.print(str(target), style="" if target.met else "red", highlight=False)
    end(
        console,
        f"{folder / results.MARKDOWN}, {folder / results.JSON}",
        passed=found.passed,
        complete=found.complete,
        interrupted=interrupted,
    )
