"""What the command line names, as functions and arrays."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from parity.data.cases import load_case
from parity.data.inputs import seeded_inputs
from parity.errors import InputError
from parity.spec import Array, Op


def function(name: str, argument: str) -> Callable[..., Any]:
    """The object that `module:function` names."""
    module, colon, attribute = name.partition(":")
    if not colon or not module or not attribute or module.startswith("."):
        raise InputError(f"{argument}: got {name!r}, expected module:function, for example my_model.layers:attention")
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"{argument}: cannot import {module} ({error}); is it in this folder or installed?") from error
    except Exception as error:  # whatever the module does when it is imported
        kind = type(error).__name__
        raise InputError(f"{argument}: importing {module} raised {kind} ({error}); mend the module first") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise InputError(f"{argument}: {module} has no {attribute}; check its spelling")
        found = getattr(found, part)
    if not callable(found):
        raise InputError(f"{argument}: {name} is a {type(found).__name__}, expected a function")
    return found


def arrays(seeded: Sequence[str], stored: Path | None, seed: int) -> Any:
    """Inputs from a saved case, from `NAME=SHAPE` and `NAME=SHAPE:N` words, or from both."""
    found = {} if stored is None else load_case(stored)
    if not isinstance(found, dict):
        if seeded:
            raise InputError("--input: the stored case has positional inputs; leave out --input, or store a mapping")
        return found
    specs: dict[str, Array] = {}
    sizes: dict[str, int] = {}
    for word in seeded:
        match = re.fullmatch(r"(\w+)=(\d+(?:x\d+)*)?(?::([1-9]\d*))?", word)
        if not match:
            raise InputError(
                f"--input: got {word!r}, expected NAME=SHAPE such as x=4x8, or NAME=SHAPE:N for integers below N"
            )
        name, shape, below = match.groups()
        axes = [f"{name}{axis}" for axis in range(len(shape.split("x")))] if shape else []
        sizes.update(zip(axes, map(int, shape.split("x")) if shape else (), strict=True))
        if below:
            sizes[f"{name}_below"] = int(below)
        specs[name] = Array(" ".join(axes), below=f"{name}_below" if below else None)
    op = Op(inputs=specs, outputs="", sizes=(sizes,), reference=lambda: None, source="")
    try:
        found.update(seeded_inputs(op, sizes, seed))
    except MemoryError as error:
        raise InputError(
            f"--input: {' '.join(seeded)} does not fit into memory ({error}); use smaller shapes"
        ) from error
    if not found:
        raise InputError("--input: got none, expected --input NAME=SHAPE for each parameter, or --stored FILE.npz")
    return found
