"""Finds what makes a function impure: effects that a compiled function has once or never, instead of at each call.

Calls the function twice on the same inputs and compares everything it can reach before and after: what it prints, globals,
closures and captured objects, the random generators, its inputs. Files, sockets and devices are not checked.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from parity.data.arguments import parse
from parity.data.template import named
from parity.execution import backends
from parity.execution.result import Problem
from parity.transforms.function_pair import FunctionPair
from parity.transforms.state import ReachableVariable, fingerprint, generators, reachable, restore

SIDE_EFFECT, CHANGED_GLOBAL = "side effect", "changed global"
HIDDEN_RANDOM, WRITTEN_INPUT = "hidden random numbers", "written input"
_CALLS = 2


class Impure(Exception):
    """The function is impure; the text lists how."""


@dataclass(frozen=True)
class Impurity:
    """One way in which a function is impure.

    Attributes:
        kind: `side effect`, `changed global`, `hidden random numbers` or `written input`.
        name: what it does and to what, for example `changes what is in global LOG`.
        compiled: what the compiled function does instead.
    """

    kind: str
    name: str
    compiled: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}" + (f" ({self.compiled})" if self.compiled else "")


@dataclass(frozen=True)
class _Call:
    """One call: its impurities as (kind, name), and its output as bytes by name."""

    impure: list[tuple[str, str]]
    output: dict[str, bytes]


def impurities(function: Callable[..., Any], side: str, inputs: Any) -> list[Impurity]:
    """The ways in which this function is impure on these inputs; empty for a pure one.

    Args:
        side: `jax` or `torch`.
        inputs: as for `parity.check`: a tuple or mapping of NumPy arrays. Never changed.

    Raises:
        InputError: the arguments cannot be used. Exceptions of the function pass through.
    """
    return _impurities(FunctionPair("", {side: function}, parse(inputs, (), (function,))), side)


def refuse_impure(pair: FunctionPair, side: str) -> None:
    """Raises `Impure` with every impurity of this side's function."""
    if found := _impurities(pair, side):
        raise Impure("; ".join(map(str, found)))


def _impurities(pair: FunctionPair, side: str) -> list[Impurity]:
    adapter = backends.get(side)
    states = generators()
    try:
        with adapter.settings("float64"):
            variables = reachable(pair.functions[side])
            calls = [_call(pair, side, variables) for _ in range(_CALLS)]
            impure = list(dict.fromkeys(each for call in calls for each in call.impure))
            if not impure and calls[0].output != calls[1].output:
                impure = [(HIDDEN_RANDOM, "two calls on the same inputs differ")]
            return _compiled(pair, side, variables, impure) if impure else []
    finally:
        restore(states)


def _call(
    pair: FunctionPair, side: str, variables: list[ReachableVariable], target: Callable[..., Any] | None = None
) -> _Call:
    """One call of the caller's function, or of `target`, which takes the arrays by name, with all that it changed."""
    adapter = backends.get(side)
    arrays = {name: adapter.from_numpy(array) for name, array in pair.arrays.items()}
    tree = pair.arguments.tree(arrays)

    def state() -> list[Any]:
        return [fingerprint(variable.read(), adapter.to_numpy) for variable in variables]

    def inputs() -> dict[str, Any]:
        return {name: fingerprint(part, adapter.to_numpy) for name, part in tree.items()}

    before, given, states, printed = state(), inputs(), generators(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        out = target(arrays) if target else named(pair.arguments.call(pair.functions[side], tree))
        output = {name: adapter.to_numpy(leaf).tobytes() for name, leaf in out.items() if hasattr(leaf, "dtype")}
    impure = []
    if printed.getvalue():
        impure.append((SIDE_EFFECT, f"prints {printed.getvalue().strip().splitlines()[0]!r}"))
    for variable, old, new in zip(variables, before, state(), strict=True):
        if old != new:
            impure.append(_changed(variable.label, old, new))
    for library, now in generators().items():
        if not _same(now, states[library]):
            impure.append((HIDDEN_RANDOM, f"draws from the generator of {library}"))
    after = inputs()
    impure += [(WRITTEN_INPUT, name) for name in given if given[name] != after[name]]
    return _Call(impure, output)


def _changed(label: str, old: Any, new: Any) -> tuple[str, str]:
    """Kind and name of a change; the name holds no value, so that it is the same for every call."""
    if "random" in (old[0], new[0]):
        return HIDDEN_RANDOM, f"draws from {label}"
    scalar = {"bool", "int", "float", "complex", "str", "bytes", "NoneType", "object"}
    if old[0] in scalar or new[0] in scalar:
        return CHANGED_GLOBAL, f"{label} is bound to another value"
    return SIDE_EFFECT, f"changes what is in {label}"


def _same(one: Any, other: Any) -> bool:
    if hasattr(one, "numpy"):
        return bool((one == other).all())
    return repr(one) == repr(other) if isinstance(one, tuple) and isinstance(one[0], str) else bool(one == other)


def _compiled(
    pair: FunctionPair, side: str, variables: list[ReachableVariable], impure: list[tuple[str, str]]
) -> list[Impurity]:
    """The impurities, with what becomes of each when the function is compiled and called twice."""
    kit = importlib.import_module(f"parity.transforms.in_{side}.kit")
    try:
        with backends.get(side).fresh_compiler():
            target = backends.get(side).compile(kit.operation(pair, {}, floating=False))
            calls = [_call(pair, side, variables, target) for _ in range(_CALLS)]
    except Exception as error:
        return [Impurity(*each, f"cannot be compiled: {Problem.of(error, 'out').text}") for each in impure]
    repeats = calls[0].output == calls[1].output

    def effect(each: tuple[str, str]) -> str:
        if each[0] == HIDDEN_RANDOM:
            return "compiled, it gives the same numbers again" if repeats else "compiled, too"
        return f"compiled, in {sum(each in call.impure for call in calls)} of {_CALLS} calls"

    return [Impurity(*each, effect(each)) for each in impure]
