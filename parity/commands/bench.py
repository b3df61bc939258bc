"""`parity bench`: which is faster, `jax.jit` or `torch.compile`?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from parity.commands.options import REPORT, Json, ReportFolder, end


def bench(
    select: Annotated[
        list[str] | None,
        typer.Argument(help="Operations (default: all), or your own pair: module:jax_function module:torch_function."),
    ] = None,
    dtype: Annotated[list[str], typer.Option("--dtype", help="float32, bfloat16, … Repeatable.")] = ["float32"],  # noqa: B006
    inputs: Annotated[
        list[str],
        typer.Option("--input", help="Seeded input of your own pair, NAME=SHAPE, such as x=4x8. Repeatable."),
    ] = [],  # noqa: B006
    stored: Annotated[Path | None, typer.Option(help=".npz file with the inputs of your own pair.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda. Both frameworks must support it.")] = "cpu",
    threads: Annotated[int, typer.Option(min=0, help="Threads per side; 0: all processors.")] = 0,
    budget: Annotated[float, typer.Option(help="Most seconds to time one comparison for.")] = 5.0,
    precision: Annotated[float, typer.Option(help="Stop once all intervals are this narrow (half width).")] = 0.01,
    cold: Annotated[bool, typer.Option("--cold", help="Flush the processor caches before each call.")] = False,
    timeout: Annotated[
        float, typer.Option(help="Time limit of a call in seconds; a compilation may take five times as long.")
    ] = 60.0,
    memory: Annotated[
        float, typer.Option(min=0, help="Memory limit of the measuring process in GB; 0: 80 % of the free memory.")
    ] = 0,
    scaling: Annotated[bool, typer.Option(help="Measure how time grows with the sizes.")] = True,
    phases: Annotated[bool, typer.Option(help="Measure import, compilation and memory in fresh processes.")] = True,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a stopped run.")] = False,
    compare: Annotated[
        Path | None, typer.Option(help="Earlier bench.json to compare with; exit code 1 if anything became slower.")
    ] = None,
    report: ReportFolder = REPORT,
    as_json: Json = False,
) -> None:
    """Time jax.jit against torch.compile in alternating calls, once both pass parity on the same inputs.

    Reports the paired time ratio with a 99 % interval and an A/A control, or CANNOT TELL. Writes bench.json, bench.md and
    index.html as it goes. The exit code is 0 only if both sides were timed in every comparison.
    """
    from parity.bench import regressions
    from parity.bench.plan import FILE
    from parity.bench.results import ratio_dict
    from parity.bench.run import run
    from parity.bench.settings import Settings
    from parity.commands.bench_plan import plan
    from parity.judge.serialize import plain
    from parity.processes.files import writable_folder
    from parity.report import speed, terminal
    from parity.report.page import write_page
    from parity.report.speed_markdown import write_markdown

    settings = Settings(
        device, threads, budget, precision, cold=cold, timeout_s=timeout, memory_bytes=int(memory * 1e9)
    )
    earlier = regressions.load(compare) if compare else None
    folder = writable_folder(report, "--report")
    sys.path.insert(0, "")
    todo = plan(select or [], dtype, inputs, stored, settings, scaling=scaling, phases=phases)
    if resume:
        todo.resume(folder)
    console, interrupted = Console(stderr=as_json), False
    with terminal.progress_bar(console) as bar:
        task = bar.add_task("starting", total=1.0)

        def progress(message: str, fraction: float) -> None:
            bar.update(task, description=message, completed=fraction)

        try:
            todo.write(folder)  # replaces the file of an earlier run
            for _ in run(todo, folder, progress):
                so_far = todo.to_dict()
                if earlier:  # refuse now, not after minutes of work
                    regressions.refuse_another(so_far, earlier)
                write_markdown(so_far, folder)
        except KeyboardInterrupt:
            interrupted = True
        bar.update(task, description="stopped" if interrupted else "done", completed=1.0 if todo.complete else None)
    write_page(folder)
    data = todo.to_dict()
    changes = regressions.changes(data, earlier) if earlier and not interrupted else []
    if as_json:
        if earlier:
            data |= {"changes": [plain(vars(one) | {"ratio": one.ratio and ratio_dict(one.ratio)}) for one in changes]}
        print(json.dumps(data, indent=2, allow_nan=False))
    else:
        console.print(speed.table(data["comparisons"]))
        speed.print_details(console, data)
        if changes:
            speed.print_changes(console, changes)
    passed = todo.passed and not any(change.is_regression for change in changes)
    files = ", ".join(str(folder / name) for name in (FILE, "bench.md", "index.html"))
    if interrupted:
        console.print("continue with: parity bench --resume and the same options", highlight=False)
    end(console, files, passed=passed, complete=todo.complete, interrupted=interrupted)
