"""The state a function can reach besides its arguments: globals, closures, captured objects, random generators.

A function may read it; a call must not change it. Only the caller's own code is searched, never a library.
"""

from __future__ import annotations

import dis
import functools
import inspect
import random
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

DEPTH = 6  # of nested containers
_EMPTY = object()
_LIBRARIES = tuple({sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")})


@dataclass(frozen=True)
class ReachableVariable:
    """A variable that a function can reach.

    Attributes:
        label: what messages call it, `global LOG` for example.
        read: returns its value now.
    """

    label: str
    read: Callable[[], Any]


def reachable(function: Any) -> list[ReachableVariable]:
    """Globals, closure variables and defaults of a function and of the helpers it calls, and the object of a method."""
    variables: dict[tuple[int, str], ReachableVariable] = {}
    waiting, seen = [function], set()
    while waiting:
        helper = waiting.pop()
        if id(helper) in seen:
            continue
        seen.add(id(helper))
        for key, variable in _variables(helper):
            variables.setdefault(key, variable)
            waiting += _callables(variable.read())
    return list(variables.values())


def _variables(function: Any) -> Iterator[tuple[tuple[int, str], ReachableVariable]]:
    while isinstance(function, functools.partial):
        for number, value in enumerate((*function.args, *function.keywords.values())):
            yield (id(function), str(number)), ReachableVariable(f"argument {number} of the partial", _constant(value))
        function = function.func
    if isinstance(function, types.MethodType):
        owner, function = function.__self__, function.__func__
        yield (id(owner), ""), ReachableVariable(f"self ({type(owner).__name__})", _constant(owner))
    elif not isinstance(function, types.FunctionType):
        if _is_own(call := inspect.getattr_static(type(function), "__call__", None)):
            yield (id(function), ""), ReachableVariable(type(function).__name__, _constant(function))
            function = call
        else:
            function = getattr(function, "__wrapped__", None)
    if not isinstance(function, types.FunctionType) or not _is_own(function):
        return
    code, namespace = function.__code__, function.__globals__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        yield (id(cell), ""), ReachableVariable(f"closure variable {name}", functools.partial(_content, cell))
    for number, value in enumerate((*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())):
        yield (
            (id(function), f"default {number}"),
            ReachableVariable(f"default {number} of {function.__name__}", _constant(value)),
        )
    for name in sorted(_names(code)):
        if name in namespace:
            yield (
                (id(namespace), name),
                ReachableVariable(f"global {name}", functools.partial(namespace.get, name, _EMPTY)),
            )
            if isinstance(namespace[name], types.ModuleType) and _is_own_file(
                getattr(namespace[name], "__file__", None)
            ):
                module = vars(namespace[name])
                for inner in sorted(_names(code) & module.keys()):
                    label = f"global {name}.{inner}"
                    yield (id(module), inner), ReachableVariable(label, functools.partial(module.get, inner, _EMPTY))
        elif any(instruction == name for instruction in _stored(code)):
            yield (
                (id(namespace), name),
                ReachableVariable(f"global {name}", functools.partial(namespace.get, name, _EMPTY)),
            )


def _constant(value: Any) -> Callable[[], Any]:
    return lambda: value


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return _EMPTY


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _names(code: types.CodeType) -> set[str]:
    return {name for one in _codes(code) for name in one.co_names}


def _stored(code: types.CodeType) -> set[str]:
    """Names of globals that the function itself binds; they need not exist before the first call."""
    return {i.argval for one in _codes(code) for i in dis.get_instructions(one) if i.opname == "STORE_GLOBAL"}


def _callables(value: Any) -> list[Any]:
    return [value] if isinstance(value, (types.FunctionType, types.MethodType, functools.partial)) else []


def _is_own(function: Any) -> bool:
    return isinstance(function, types.FunctionType) and _is_own_file(function.__code__.co_filename)


def _is_own_file(file: str | None) -> bool:
    return file is not None and not file.startswith("<frozen") and not file.startswith(_LIBRARIES)


def fingerprint(value: Any, to_numpy: Callable[[Any], np.ndarray], depth: int = DEPTH) -> Any:
    """Something hashable or nested in tuples that is equal exactly when the value is; arrays by dtype, shape and bytes."""
    again = functools.partial(fingerprint, to_numpy=to_numpy, depth=depth - 1)
    if value is _EMPTY or isinstance(value, (bool, int, float, complex, str, bytes, type(None))):
        return type(value).__name__, repr(value) if value is not _EMPTY else "not assigned"
    if isinstance(value, np.random.Generator):
        return "random", repr(value.bit_generator.state)
    if isinstance(value, random.Random):
        return "random", hash(value.getstate())
    if depth == 0:
        return "object", id(value)
    if isinstance(value, Mapping):
        return type(value).__name__, tuple((repr(key), again(part)) for key, part in list(value.items()))
    if isinstance(value, (list, tuple)):
        return type(value).__name__, tuple(again(part) for part in value)
    if isinstance(value, (set, frozenset)):
        return type(value).__name__, frozenset(repr(part) for part in value)
    if isinstance(value, np.ndarray) or hasattr(value, "__dlpack__"):
        array = value if isinstance(value, np.ndarray) else _concrete(value, to_numpy)
        return ("object", id(value)) if array is None else (str(array.dtype), array.shape, array.tobytes())
    if isinstance(value, (types.ModuleType, types.FunctionType, type)) or not hasattr(value, "__dict__"):
        return "object", id(value)
    return type(value).__name__, id(value), tuple((name, again(part)) for name, part in list(vars(value).items()))


def _concrete(value: Any, to_numpy: Callable[[Any], np.ndarray]) -> np.ndarray | None:
    try:
        return to_numpy(value)
    except Exception:  # an array that leaked from a transformation has no values
        return None


def generators() -> dict[str, Any]:
    """The states of the global random generators by library: `random`, `numpy.random`, and `torch` once imported."""
    states: dict[str, Any] = {"random": random.getstate(), "numpy.random": np.random.get_state()}
    if "torch" in sys.modules:
        states["torch"] = sys.modules["torch"].get_rng_state()
    return states


def restore(states: Mapping[str, Any]) -> None:
    """Sets the global random generators back to the states from `generators`."""
    random.setstate(states["random"])
    np.random.set_state(states["numpy.random"])
    if "torch" in states:
        sys.modules["torch"].set_rng_state(states["torch"])
