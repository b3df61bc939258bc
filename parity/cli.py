"""The command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from parity.errors import InputError
from parity.process import use_compilation_caches, use_threads

app = typer.Typer(
    help="Proves that a JAX function and a PyTorch function compute the same thing.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Dtypes = Annotated[list[str], typer.Option("--dtype", help="Precision rung after float64; may be repeated.")]
Modes = Annotated[list[str], typer.Option("--mode", help="eager or compiled; may be repeated.")]
Processes = Annotated[int | None, typer.Option(min=1, help="How many to work on at a time; by default up to two.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of a table for people.")]

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


def main() -> None:
    """Runs the command line; bad input is one line on standard error and exit code 2."""
    use_compilation_caches()
    try:
        app()
    except InputError as error:
        Console(stderr=True).print(f"parity: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(BAD_INPUT)


@app.command()
def run(
    select: Annotated[list[str] | None, typer.Argument(help="Operations, or `digits`; everything by default.")] = None,
    dtype: Dtypes = ["float32", "bfloat16"],  # noqa: B006 (typer copies it)
    mode: Modes = ["eager", "compiled"],  # noqa: B006
    steps: Annotated[int, typer.Option(min=2, help="Training steps of each framework on the digits.")] = 500,
    report: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("parity-report"),
    processes: Processes = None,
    as_json: Json = False,
) -> None:
    """Check all built-in operations in both frameworks, then train both on the handwritten digits.

    Writes report.json, report.md and the loss curves; the exit code is 0 only if everything passed.
    """
    use_threads(1)
    from parity import suite as suites
    from parity.pool import default_processes
    from parity.report import files, terminal
    from parity.store import writable_folder

    folder = writable_folder(report, "--report")
    suite = suites.Suite(suites.select(select or []))
    console = Console(stderr=as_json)
    interrupted = False
    with terminal.progress_bar(console) as bar:
        task = bar.add_task("starting", total=len(suite.selected))

        going: dict[str, float] = {}

        def progress(name: str, words: str, fraction: float) -> None:
            going[name] = fraction
            finished = {report.name for report in suite.reports}
            started = sum(done for name, done in going.items() if name not in finished)
            bar.update(task, description=f"{name}: {words}", completed=len(finished) + started)

        try:
            files.write_report(suite, folder)
            for _ in suites.run(suite, dtype, mode, steps, progress, processes or default_processes()):
                bar.update(task, completed=len(suite.reports))
                files.write_report(suite, folder)
        except KeyboardInterrupt:
            interrupted = True
        bar.update(task, description="stopped" if interrupted else "done")
    files.write_report(suite, folder)
    if as_json:
        print(json.dumps(files.as_dict(suite), indent=2, allow_nan=False))
    else:
        console.print(terminal.table(suite.reports))
        if suite.training is not None:
            terminal.print_training(console, suite.training)
        terminal.print_failures(console, suite.reports)
    state = "passed" if suite.passed else "failed" if suite.complete else "incomplete"
    console.print(f"{state}: {folder / 'report.md'}, {folder / 'report.json'}", highlight=False)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if not suite.passed:
        raise typer.Exit(FAILED)


@app.command("list")
def list_ops(as_json: Json = False) -> None:
    """What there is: the built-in operations, their axes and their sources."""
    from rich.table import Column, Table

    from parity import ops
    from parity.report.catalogue import described

    found = [described(ops.load(name)) for name in ops.names()]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    shown = Table(Column("operation", no_wrap=True), "inputs", "outputs", "source", title="built-in operations")
    for op in found:
        shown.add_row(op["name"], "\n".join(f"{k}: {v}" for k, v in op["inputs"].items()), op["outputs"], op["source"])
    Console().print(shown)


@app.command()
def check(
    jax_function: Annotated[str, typer.Argument(help="module:function")],
    torch_function: Annotated[str, typer.Argument(help="module:function")],
    inputs: Annotated[
        list[str],
        typer.Option(
            "--input",
            help="Seeded input NAME=SHAPE, such as x=4x8, or NAME=SHAPE:N for integers below N. May be repeated.",
        ),
    ] = [],  # noqa: B006
    stored: Annotated[Path | None, typer.Option(help="An .npz file with one array for each parameter.")] = None,
    reference: Annotated[str | None, typer.Option(help="The same in NumPy, module:function.")] = None,
    wrt: Annotated[list[str], typer.Option(help="Input to differentiate; by default all; `none` for none.")] = [],  # noqa: B006
    regime: Annotated[list[str], typer.Option(help="Also on inputs in this regime, such as offset.")] = [],  # noqa: B006
    deviations: Annotated[Path | None, typer.Option(help="A TOML file of declared, accepted differences.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the seeded inputs.")] = 0,
    dtype: Dtypes = ["float32"],  # noqa: B006
    mode: Modes = ["eager"],  # noqa: B006
    as_json: Json = False,
) -> None:
    """Check your own two functions, on seeded or stored inputs."""
    import parity
    from parity import command_inputs
    from parity.check import with_replay

    sys.path.insert(0, "")  # modules of the folder that the command is called in
    functions = (
        command_inputs.function(jax_function, "JAX_FUNCTION"),
        command_inputs.function(torch_function, "TORCH_FUNCTION"),
    )
    given = command_inputs.arrays(inputs, stored, seed)
    report = parity.check(
        *functions,
        given,
        reference=command_inputs.function(reference, "--reference") if reference else None,
        wrt=() if wrt == ["none"] else tuple(wrt) or "all",
        dtypes=dtype,
        modes=mode,
        regimes=("unit", *regime),
        deviations=deviations or (),
        name=f"{jax_function} against {torch_function}",
    )
    if not report.passed:
        told = {"reference": reference, "wrt": wrt, "regimes": regime, "deviations": deviations}
        options = {"dtypes": dtype, "modes": mode, **{key: value for key, value in told.items() if value}}
        report = with_replay(report, functions, given, options)
    print(report.to_json() if as_json else report)
    if not report.passed:
        raise typer.Exit(FAILED)


@app.command()
def regimes(
    select: Annotated[list[str] | None, typer.Argument(help="Operations; all by default.")] = None,
    report: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("parity-report"),
    processes: Processes = None,
    as_json: Json = False,
) -> None:
    """Check the built-in operations where functions break: values out of range, extreme sizes, masked rows.

    Writes regimes.json; the exit code is 0 only if no operation failed in any regime.
    """
    use_threads(1)
    from parity import regimes as measured
    from parity.pool import default_processes
    from parity.report import regimes as shown
    from parity.report import terminal
    from parity.store import writable_folder

    folder, selected = writable_folder(report, "--report"), measured.select(select or [])
    console, rows, interrupted = Console(stderr=as_json), list[measured.Row](), False
    with terminal.progress_bar(console) as bar:
        task = bar.add_task("starting", total=len(selected))

        def progress(name: str, words: str, fraction: float) -> None:
            bar.update(task, description=f"{name}: {words}")

        try:
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
    failed = not rows or any(not row.passed for row in rows)
    state = "incomplete" if interrupted else "failed" if failed else "passed"
    console.print(f"{state}: {folder / 'regimes.json'}", highlight=False)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if failed:
        raise typer.Exit(FAILED)


@app.command()
def strict(as_json: Json = False) -> None:
    """Show that `jax.jit` gives the very bits of uncompiled JAX in strict mode (CPU, in a process of its own)."""
    from rich.table import Table

    from parity.strict import XLA_FLAGS, count_in_strict_process

    counts = count_in_strict_process()
    if as_json:
        print(json.dumps([row.__dict__ for row in counts], indent=2))
    else:
        shown = Table("operation", "dtype", "leaf", "elements", "bits differ", title=f"XLA_FLAGS={XLA_FLAGS}")
        for row in counts:
            shown.add_row(row.op, row.dtype, row.leaf, str(row.size), str(row.differ))
        Console().print(shown)
    if any(row.differ for row in counts) or not counts:
        raise typer.Exit(FAILED)


@app.command()
def power(
    select: Annotated[list[str] | None, typer.Argument(help="Functions of the catalogue; all by default.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds for each correct pair.")] = 2,
    report: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("parity-report"),
    processes: Processes = None,
    as_json: Json = False,
) -> None:
    """Prove that parity can see: planted faults found and named, correct ports left in peace.

    Writes power.json and power.md; the exit code is 0 only if every fault was seen and no correct comparison refused.
    """
    use_threads(1)
    from rich.table import Table

    from parity.pool import default_processes
    from parity.power import catalogue
    from parity.power import report as power_report
    from parity.power.run import Power
    from parity.power.run import run as measure
    from parity.report import terminal
    from parity.store import writable_folder

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
    state = "passed" if found.passed else "failed" if found.complete else "incomplete"
    console.print(f"{state}: {folder / 'power.md'}, {folder / 'power.json'}", highlight=False)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if not found.passed:
        raise typer.Exit(FAILED)
