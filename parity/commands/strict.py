"""`parity strict`: compiled JAX bit for bit."""

from __future__ import annotations

import json

import typer
from rich.console import Console

from parity.commands.options import FAILED, Json


def strict(as_json: Json = False) -> None:
    """Show that `jax.jit` gives the very bits of uncompiled JAX in strict mode (CPU, in a process of its own)."""
    from rich.table import Table

    from parity.jobs.strict import XLA_FLAGS, count_in_strict_process

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
