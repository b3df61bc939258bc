"""`parity strict`: compiled against uncompiled JAX, bit for bit."""

from __future__ import annotations

import json

import typer
from rich.console import Console

from parity.commands.options import FAILED, Json


def strict(as_json: Json = False) -> None:
    """Check that `jax.jit` gives exactly the bits of uncompiled JAX in strict mode (on the CPU, in a fresh process)."""
    from rich.table import Table

    from parity.jobs.strict import XLA_FLAGS, count_in_strict_process
    from parity.judge.serialize import plain

    counts = count_in_strict_process()
    if as_json:
        print(json.dumps(plain(counts), indent=2))
    else:
        table = Table("operation", "dtype", "leaf", "elements", "bits differ", title=f"XLA_FLAGS={XLA_FLAGS}")
        for row in counts:
            table.add_row(row.op, row.dtype, row.leaf, str(row.size), str(row.differ))
        Console().print(table)
    if any(row.differ for row in counts) or not counts:
        raise typer.Exit(FAILED)
