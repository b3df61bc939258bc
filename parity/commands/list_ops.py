"""`parity list`."""

from __future__ import annotations

import json

from rich.console import Console

from parity.commands.options import Json


def list_ops(as_json: Json = False) -> None:
    """List the built-in operations with their axes and sources."""
    from rich.table import Column, Table

    from parity import ops
    from parity.report.catalogue import described

    operations = [described(ops.load(name)) for name in ops.names()]
    if as_json:
        print(json.dumps(operations, indent=2))
        return
    table = Table(Column("operation", no_wrap=True), "inputs", "outputs", "source", title="built-in operations")
    for op in operations:
        table.add_row(op["name"], "\n".join(f"{k}: {v}" for k, v in op["inputs"].items()), op["outputs"], op["source"])
    Console().print(table)
