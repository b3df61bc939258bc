"""The built-in operations in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parity.spec import Array, Op


def described(op: Op) -> dict[str, Any]:
    return {
        "name": op.name,
        "inputs": {name: _words(spec) for name, spec in op.inputs.items()},
        "outputs": _words(op.outputs),
        "source": op.source,
    }


def _words(spec: Any) -> str:
    if isinstance(spec, Mapping):
        return "{" + ", ".join(f"{key}: {_words(part)}" for key, part in spec.items()) + "}"
    if isinstance(spec, tuple):
        return ", ".join(map(_words, spec))
    if isinstance(spec, Array):
        return f"[{spec.axes}]" + (f" integers below {spec.below}" if spec.below else "")
    return f"[{spec}]" if isinstance(spec, str) else repr(spec)
