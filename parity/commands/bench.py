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
        typer.Argument(help="Operations, all by default; or your own pair: module:jax_function module:torch_function."),
    ] = None,
    dtype: Annotated[list[str], typer.Option("--dtype", help="float32, bfloat16, …; may be repeated.")] = ["float32"],  # noqa: B006
    inputs: Annotated[
        list[str],
        typer.Option("--input", help="Seeded input of your own pair, NAME=SHAPE, such as x=4x8; may be repeated."),
    ] = [],  # noqa: B006
    stored: Annotated[Path | None, typer.Option(help="An .npz file with the inputs of your own pair.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda; both frameworks have to see it.")] = "cpu",
    threads: Annotated[int, typer.Option(min=0, help="Threads of each side; 0: all processors.")] = 0,
    budget: Annotated[float, typer.Option(help="Seconds that a comparison is timed for at most.")] = 5.0,
    precision: Annotated[float, typer.Option(help="Half width of the intervals at which it ends before.")] = 0.01,
    cold: Annotated[bool, typer.Option("--cold", help="Empty the caches of the processor before each call.")] = False,
    timeout: Annotated[
        float, typer.Option(help="Seconds that a call may take; a compilation five times as long.")
    ] = 60.0,
    memory: Annotated[
        float, typer.Option(min=0, help="GB that the measuring process may take; 0: 80 % of what is free.")
    ] = 0,
    scaling: Annotated[bool, typer.Option(help="How cost grows with the sizes.")] = True,
    phases: Annotated[bool, typer.Option(help="Import, compilation and memory in processes of their own.")] = True,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    compare: Annotated[
        Path | None, typer.Option(help="An earlier bench.json: exit code 1 if something became slower.")
    ] = None,
    report: ReportFolder = REPORT,
    as_json: Json = False,
) -> None:
    """Time jax.jit against torch.compile, call by call in turn, after both passed parity on the same inputs.

    Writes bench.json, bench.md and index.html as results come; the exit code is 0 only if both sides could be timed everywhere.
    """
    from parity.bench import regressions
    from parity.bench import run as benches
    from parity.bench.results import ratio_dict
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
        benches.resume(todo, folder)
    console, interrupted = Console(stderr=as_json), False
    with terminal.progress_bar(console) as bar:
        task = bar.add_task("starting", total=1.0)

        def progress(words: str, fraction: float) -> None:
            bar.update(task, description=words, completed=fraction)

        try:
            todo.write(folder)  # in place of that of an earlier run
            for _ in benches.run(todo, folder, progress):
                so_far = todo.to_dict()
                if earlier:  # now, not after minutes of work
                    regressions.refuse_another(so_far, earlier)
                write_markdown(so_far, folder)
        except KeyboardInterrupt:
            interrupted = True
        bar.update(task, description="stopped" if interrupted else "done", completed=1.0 if todo.complete else None)
    write_page(folder)
    found = todo.to_dict()
    changes = regressions.changes(found, earlier) if earlier and not interrupted else []
    if as_json:
        if earlier:
            found |= {"changes": [plain(vars(one) | {"ratio": one.ratio and ratio_dict(one.ratio)}) for one in changes]}
        print(json.dumps(found, indent=2, allow_nan=False))
    else:
        console.print(speed.table(found["comparisons"]))
        speed.print_details(console, found)
        if changes:
            speed.print_changes(console, changes)
    passed = todo.passed and not any(change.is_regression for change in changes)
    files = ", ".join(str(folder / name) for name in (benches.FILE, "bench.md", "index.html"))
    if interrupted:
        console.print("go on with: parity bench --resume, and the same options", highlight=False)
    end(console, files, passed=passed, complete=todo.complete, interrupted=interrupted)
