"""The built-in operations, one file each, found by file name: `parity/ops/x.py` defines `op`, and is called `x`."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace

from parity.errors import InputError
from parity.spec import Op


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> Op:
    """The operation of this name; `InputError` names the known ones."""
    if name not in names():
        raise InputError(f"op: got {name!r}, expected one of {', '.join(names())}; `parity list` shows them")
    return replace(importlib.import_module(f"{__name__}.{name}").op, name=name)
