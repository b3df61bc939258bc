"""Saved inputs, to repeat a check later or elsewhere, bit for bit: one .npz file without pickles."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from parity.errors import InputError
from parity.processes.files import write

_TREE = "__tree__"  # the entry with the tree that holds the arrays
_BITS = {"bfloat16": np.dtype(np.uint16)}  # NumPy files have no bfloat16: its bits are stored


def dump(inputs: Any) -> bytes:
    """The content of an .npz file with the inputs of a check: a tuple or mapping of trees of arrays, numbers, strings and None.

    Raises:
        InputError: a leaf that a file cannot hold, such as a function.
    """
    arrays: dict[str, np.ndarray] = {}

    def skeleton(node: Any, name: str) -> dict[str, Any]:
        if isinstance(node, Mapping):
            return {"dict": [[key, skeleton(value, f"{name}/{key}")] for key, value in node.items()]}
        if isinstance(node, (list, tuple)) and not hasattr(node, "_fields"):
            kind = "list" if isinstance(node, list) else "tuple"
            return {kind: [skeleton(value, f"{name}/{place}") for place, value in enumerate(node)]}
        if isinstance(node, (np.ndarray, np.generic)):
            array, key = np.asarray(node), f"array{len(arrays)}"
            dtype = array.dtype.name
            arrays[key] = np.ascontiguousarray(array).reshape(array.shape).view(_BITS.get(dtype, array.dtype))
            return {"array": key, "dtype": dtype}
        if node is None or isinstance(node, (bool, int, float, str)):
            return {"value": node}
        raise InputError(
            f"inputs: {name} is a {type(node).__qualname__}, which a file cannot hold; call parity.check from code"
        )

    tree = json.dumps(skeleton(inputs, "inputs"))
    stream = io.BytesIO()
    entries: dict[str, Any] = {_TREE: np.array(tree), **arrays}
    np.savez(stream, **entries)
    return stream.getvalue()


def load_case(path: str | Path) -> Any:
    """The inputs of a saved case, bit for bit. The arrays of any other .npz file become keyword inputs.

    Raises:
        InputError: the file is missing, damaged or not an .npz file.
    """
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        tree = json.loads(str(arrays.pop(_TREE))) if _TREE in arrays else None
        return arrays if tree is None else _rebuilt(tree, arrays)
    except Exception as error:  # a damaged file fails in many ways
        raise InputError(f"--stored: cannot read {path} ({error}); write it with numpy.savez(path, x=x)") from error


def _rebuilt(node: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Any:
    ((kind, content),) = [(k, v) for k, v in node.items() if k != "dtype"]
    if kind == "dict":
        return {key: _rebuilt(value, arrays) for key, value in content}
    if kind in ("list", "tuple"):
        return (list if kind == "list" else tuple)(_rebuilt(value, arrays) for value in content)
    if kind == "array":
        array = arrays[content]
        return array.view(ml_dtypes.bfloat16) if node["dtype"] in _BITS else array
    return content


def save_case(inputs: Any, name: str, folder: Path | None = None) -> Path:
    """Writes the inputs to `folder`, by default `cases` in the cache directory; the file is named after their content."""
    content = dump(inputs)
    folder = folder or Path(os.environ.get("PARITY_CACHE_DIR", ".cache/parity")) / "cases"
    folder.mkdir(parents=True, exist_ok=True)
    readable = "".join(letter if letter.isalnum() else "-" for letter in name).strip("-")[:40]
    path = folder / f"{readable}-{hashlib.sha256(content).hexdigest()[:12]}.npz"
    write(path, content)
    return path


def replay_line(functions: tuple[Any, Any], path: Path, options: Mapping[str, Any]) -> str:
    """One line that repeats a check on saved inputs: quoted for the shell if both functions have a name, else Python code."""
    names = [_importable(function) for function in functions]
    dtypes, modes = options.get("dtypes", ("float32",)), options.get("modes", ("eager",))
    dtypes, modes = ([value] if isinstance(value, str) else value for value in (dtypes, modes))
    # The command line always has a lower precision, and a generator is used up.
    are_lists = all(isinstance(value, (list, tuple)) and value for value in (dtypes, modes))
    if all(names) and are_lists and set(options) <= {"dtypes", "modes", "device", "precision", "name"}:
        rungs = [f"--dtype={dtype}" for dtype in dtypes] + [f"--mode={mode}" for mode in modes]
        rungs += [f"--{key}={options[key]}" for key in ("device", "precision") if key in options]
        return shlex.join(["parity", "check", *names, "--stored", str(path), *rungs])
    extra = "".join(f", {key}=…" for key in options if key != "name")
    return f"parity.check(jax_fn, torch_fn, parity.load_case({json.dumps(str(path))}){extra})"


def _importable(function: Any) -> str:
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    return f"{module}:{name}" if module and name and module != "__main__" and "<" not in name else ""
