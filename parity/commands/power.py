"""`parity power`: what parity sees."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from parity.commands.options import REPORT, Json, Processes, ReportFolder, end
from parity.errors import InputError
from parity.processes.settings import use_threads


def power(
    select: Annotated[list[str] | None, typer.Argument(help="Functions of the catalogue; all by default.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds for each correct pair.")] = 2,
    report: ReportFolder = REPORT,
    processes: Processes = None,
    as_json: Json = False,
) -> None:
    """Prove that parity can see: planted faults found and named, correct ports left in peace.

    Writes power.json and power.md; the exit code is 0 only if every fault was seen and no correct comparison refused.
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
    found, interrupted = Power(), False
    with terminal.progress_bar(console) as bar:
        task = bar.add_task("starting", total=None)
        try:
            for found in measure(seeds, select or (), processes=processes or default_processes()):
                bar.update(task, description=found.last, completed=found.done, total=found.total)
                power_report.write_report(found, folder)
        except KeyboardInterrupt:
            interrupted = True
        bar.update(task, description="stopped" if interrupted else "done")
    if as_json:
        print(power_report.as_json(found), end="")
    else:
        shown = Table("", "measured", "target", title="what parity sees")
        for row in power_report.headline(found):
            shown.add_row(*row)
        console.print(shown)
    end(
        console,
        f"{folder / 'power.md'}, {folder / 'power.json'}",
        passed=found.passed,
        complete=found.complete,
        interrupted=interrupted,
    )
