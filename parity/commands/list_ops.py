"""`parity list`."""

from __future__ import annotations

import json

from rich.console import Console

from parity.commands.options import Json


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
