"""`parity power`: how often parity detects faults, and how often it raises false alarms."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from parity.commands.options import REPORT, Json, Processes, ReportFolder, end
from parity.errors import InputError
from parity.processes.settings import use_threads


def power(
    select: Annotated[list[str] | None, typer.Argument(help="Functions of the catalogue (default: all).")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds per correct pair.")] = 2,
    report: ReportFolder = REPORT,
    processes: Processes = None,
    as_json: Json = False,
) -> None:
    """Measures detection and false-alarm rates on planted faults and correct ports.

    Writes power.json and power.md. The exit code is 0 only if every fault was detected and every correct port passed.
    """
    use_threads(1)
    from rich.table import Table

    from parity.power import catalogue
    from parity.power import report as power_report
    from parity.power.run import Power
    from parity.power.run import run as measure
    from parity.processes.files import writable_folder
    from parity.processes.pool import default_processes
    from parity.report import terminal

    folder = writable_folder(report, "--report")
    unknown = [name for name in select or [] if name not in catalogue.functions()]
    if unknown:
        raise InputError(f"SELECT: got {unknown[0]!r}, expected some of {', '.join(catalogue.functions())}")
    console = Console(stderr=as_json)
    result, interrupted = Power(), False
    with terminal.progress_bar(console) as bar:
        task = bar.add_task("starting", total=None)
        try:
            for result in measure(seeds, select or (), processes=processes or default_processes()):
                bar.update(task, description=result.last, completed=result.done, total=result.total)
                power_report.write_report(result, folder)
        except KeyboardInterrupt:
            interrupted = True
        bar.update(task, description="stopped" if interrupted else "done")
    if as_json:
        print(power_report.as_json(result), end="")
    else:
        table = Table("", "measured", "target", title="detection and false alarms")
        for row in power_report.headline(result):
            table.add_row(*row)
        console.print(table)
    end(
        console,
        f"{folder / 'power.md'}, {folder / 'power.json'}",
        passed=result.passed,
        complete=result.complete,
        interrupted=interrupted,
    )
