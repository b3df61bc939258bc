"""Finds what makes a function impure, and names it: a compiler would do it once, or never, instead of every time.

The function is called twice on the same inputs. Around each call everything that it can reach is looked at: what it prints,
its globals, closures and captured objects, the random generators, its inputs. Not seen: files, sockets and devices.
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
from parity.execution.runner import described
from parity.transforms.state import Place, fingerprint, generators, reachable, restore
from parity.transforms.subject import Subject

SIDE_EFFECT, CHANGED_GLOBAL = "side effect", "changed global"
HIDDEN_RANDOM, WRITTEN_INPUT = "hidden random numbers", "written input"
_CALLS = 2


class Impure(Exception):
    """The function is impure; the text says in which ways."""


@dataclass(frozen=True)
class Impurity:
    """One way in which a function is impure.

    Attributes:
        kind: `side effect`, `changed global`, `hidden random numbers` or `written input`.
        name: what it does and to what, for example `global LOG gets 1 more`.
        compiled: what the compiled function does instead.
    """

    kind: str
    name: str
    compiled: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}" + (f" ({self.compiled})" if self.compiled else "")


@dataclass(frozen=True)
class _Call:
    """One call: its impurities by (kind, name), and its output as bytes by name."""

    impure: dict[tuple[str, str], str]
    output: dict[str, bytes]


def impurities(function: Callable[..., Any], side: str, inputs: Any) -> list[Impurity]:
    """What makes this function impure on these inputs; empty for a pure one.

    Args:
        side: `jax` or `torch`.
        inputs: as for `parity.check`: a tuple or mapping of NumPy arrays. Never changed.

    Raises:
        InputError: the arguments cannot be used; what the function raises passes through.
    """
    return _found(Subject("", {side: function}, parse(inputs, (), (function,))), side)


def refuse_impure(subject: Subject, side: str) -> None:
    """Raises `Impure` with all that was found."""
    found = _found(subject, side)
    if found:
        raise Impure("; ".join(map(str, found)))


def _found(subject: Subject, side: str) -> list[Impurity]:
    adapter = backends.get(side)
    states = generators()
    try:
        with adapter.settings("float64"):
            places = reachable(subject.functions[side])
            calls = [_call(subject, side, places) for _ in range(_CALLS)]
            found = {key: words for call in calls for key, words in call.impure.items()}
            if not found and calls[0].output != calls[1].output:
                found[HIDDEN_RANDOM, "two calls on the same inputs differ"] = ""
            return [Impurity(*key, words) for key, words in _compiled(subject, side, places, found).items()]
    finally:
        restore(states)


def _call(subject: Subject, side: str, places: list[Place], target: Callable[..., Any] | None = None) -> _Call:
    """One call of the caller's function, or of `target`, which takes the arrays by name, with all that it changed."""
    adapter = backends.get(side)
    arrays = {name: adapter.from_numpy(array) for name, array in subject.arrays.items()}
    tree = subject.arguments.tree(arrays)

    def looked_at() -> list[Any]:
        return [fingerprint(place.read(), adapter.to_numpy) for place in places]

    def inputs() -> dict[str, Any]:
        return {name: fingerprint(part, adapter.to_numpy) for name, part in tree.items()}

    before, given, states, printed = looked_at(), inputs(), generators(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        out = target(arrays) if target else named(subject.arguments.call(subject.functions[side], tree))
        output = {name: adapter.to_numpy(leaf).tobytes() for name, leaf in out.items() if hasattr(leaf, "dtype")}
    impure: dict[tuple[str, str], str] = {}
    if printed.getvalue():
        impure[SIDE_EFFECT, f"prints {printed.getvalue().strip().splitlines()[0]!r}"] = ""
    for place, old, new in zip(places, before, looked_at(), strict=True):
        if old != new:
            impure.setdefault(_changed(place.words, old, new), "")
    for name, state in generators().items():
        if not _same(state, states[name]):
            impure[HIDDEN_RANDOM, f"draws from the generator of {name}"] = ""
    for name, old in given.items():
        if inputs()[name] != old:
            impure[WRITTEN_INPUT, name] = ""
    return _Call(impure, output)


def _changed(words: str, old: Any, new: Any) -> tuple[str, str]:
    """Kind and name of a change; the name holds no value, so that every call tells the same one."""
    if "random" in (old[0], new[0]):
        return HIDDEN_RANDOM, f"draws from {words}"
    scalar = {"bool", "int", "float", "complex", "str", "bytes", "NoneType", "object"}
    if old[0] in scalar or new[0] in scalar:
        return CHANGED_GLOBAL, f"{words} is bound to another value"
    return SIDE_EFFECT, f"changes what is in {words}"


def _same(one: Any, other: Any) -> bool:
    if hasattr(one, "numpy"):
        return bool((one == other).all())
    return repr(one) == repr(other) if isinstance(one, tuple) and isinstance(one[0], str) else bool(one == other)


def _compiled(
    subject: Subject, side: str, places: list[Place], found: dict[tuple[str, str], str]
) -> dict[tuple[str, str], str]:
    """The same, with what becomes of each impurity when the function is compiled and called twice."""
    if not found:
        return {}
    kit = importlib.import_module(f"parity.transforms.in_{side}.kit")
    adapter = backends.get(side)
    try:
        with adapter.fresh_compiler():
            target = adapter.compile(kit.operation(subject, {}, floating=False))
            calls = [_call(subject, side, places, target) for _ in range(_CALLS)]
    except Exception as error:
        return dict.fromkeys(found, f"cannot be compiled: {described(error, 'out').text}")
    told = {}
    repeats = calls[0].output == calls[1].output
    for kind, name in found:
        if kind == HIDDEN_RANDOM:
            told[kind, name] = "compiled, it gives the same numbers again" if repeats else "compiled, too"
        else:
            times = sum((kind, name) in call.impure for call in calls)
            told[kind, name] = f"compiled, in {times} of {_CALLS} calls"
    return told
