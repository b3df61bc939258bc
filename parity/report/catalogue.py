"""The built-in operations as `parity list` shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parity.spec import Array, Op


def described(op: Op) -> dict[str, Any]:
    """Name, inputs and outputs with their axes, and source of one operation."""
    return {
        "name": op.name,
        "inputs": {name: _axes(spec) for name, spec in op.inputs.items()},
        "outputs": _axes(op.outputs),
        "source": op.source,
    }


def _axes(spec: Any) -> str:
    if isinstance(spec, Mapping):
        return "{" + ", ".join(f"{key}: {_axes(part)}" for key, part in spec.items()) + "}"
    if isinstance(spec, tuple):
        return ", ".join(map(_axes, spec))
    if isinstance(spec, Array):
        return f"[{spec.axes}]" + (f" integers below {spec.below}" if spec.below else "")
    return f"[{spec}]" if isinstance(spec, str) else repr(spec)
