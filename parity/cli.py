"""The command line: its commands, and one line on standard error for bad input."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer
from rich.console import Console

from parity.commands.bench import bench
from parity.commands.calibrate import calibrate
from parity.commands.check import check
from parity.commands.list_ops import list_ops
from parity.commands.options import BAD_INPUT
from parity.commands.power import power
from parity.commands.regimes import regimes
from parity.commands.run import run
from parity.commands.strict import strict
from parity.commands.transforms import transforms
from parity.errors import InputError
from parity.processes.settings import use_compilation_caches

app = typer.Typer(
    help="Proves that a JAX function and a PyTorch function compute the same thing.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(run)
app.command("list")(list_ops)
for command in (check, bench, calibrate, transforms, regimes, strict, power):
    app.command()(command)


def print_version(wanted: bool) -> None:
    """Prints the name and the version, and ends the program."""
    if wanted:
        print(f"parity {version('parity')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The options of `parity` itself."""


def main() -> None:
    """Runs the command line; bad input gives one line on standard error and exit code 2."""
    use_compilation_caches()
    try:
        app()
    except InputError as error:
        Console(stderr=True).print(f"parity: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(BAD_INPUT)
