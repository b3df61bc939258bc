"""Another number where the program has one; a factor or an addend where it has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from parity.causes.candidate import Candidate, Knob
from parity.causes.context import COMPARISONS, Context
from parity.causes.edits.sites import groups, title
from parity.causes.naming import factor_cause, literal_cause
from parity.causes.programs.program import Edit, Program

_OPS = {"add", "sub", "mul", "div", "pow", "max", "min", "clamp", "where", "iota", "fill", "pad", *COMPARISONS}
_EPS = (1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.0)


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and value == value
        and abs(value) != float("inf")
    )


def literal_knobs(context: Context, others: set[float]) -> Iterator[Knob]:
    """One for each literal; `others` are the other side's literals, which are tried first."""
    program = context.program
    for members in groups(program, program.live):
        node = program.nodes[members[0]]
        if node.op not in _OPS:
            continue
        for position, old in enumerate(node.args[:3]):
            whole = node.op == "iota" or "int" in node.dtype or (node.op == "pad")
            if not _is_number(old) or (whole and node.op not in COMPARISONS) or (node.op == "pad" and position != 1):
                continue
            yield _literal_knob(context, members, position, float(old), others)


def _literal_knob(context: Context, members: tuple[int, ...], position: int, old: float, others: set[float]) -> Knob:
    program = context.program

    def make(new: float) -> Edit:
        return Edit({index: program.nodes[index].with_arg(position, new) for index in members})

    def describe(new: float) -> Candidate:
        name, why, rank = literal_cause(context, members[0], position, old, new)
        words = f"{title(program, members)}: {old:.6g} → {new:.6g}{', ' + why if why else ''}"
        return Candidate(name, words, make(new), rank)

    node = program.nodes[members[0]]
    guesses = {x for x in others if x != old}
    if node.op in ("add", "max") and abs(old) < 0.1:
        guesses |= {x for x in _EPS if x != old}
    if node.op in ("mul", "div"):
        guesses |= {1 - old, -old, 1.0, 2 * old, 0.0 if node.op == "mul" else 1.0} - {old}
        guesses |= {old - 1, old + 1} if old in context.counts or old + 1 in context.counts else set()
    return Knob(make, old, describe, sorted(guesses))


def same_literal_knobs(context: Context, others: set[float]) -> Iterator[Knob]:
    """One for each number that stands in several places: all of them together."""
    program = context.program
    places: dict[float, list[tuple[int, int]]] = {}
    for index in program.live:
        node = program.nodes[index]
        for position, old in enumerate(node.args[:3]):
            if node.op in _OPS and node.op not in ("iota", "pad") and isinstance(old, float) and _is_number(old):
                places.setdefault(abs(old), []).append((index, position))
    for old, found in places.items():
        if len(found) > 1 and old not in (0.0, 1.0):
            yield _together(context, found, old, others)


def _together(context: Context, found: list[tuple[int, int]], old: float, others: set[float]) -> Knob:
    program = context.program

    def make(new: float) -> Edit:
        nodes: dict[int, Any] = {}
        for index, position in found:
            node = nodes.get(index, program.nodes[index])
            nodes[index] = node.with_arg(position, new if node.args[position] > 0 else -new)
        return Edit(nodes)

    def describe(new: float) -> Candidate:
        causes = [literal_cause(context, index, position, old, new) for index, position in found]
        name, why, rank = min(causes, key=lambda cause: cause[2])
        words = f"{old:.6g} → {new:.6g} in {len(found)} places, first {program.nodes[found[0][0]]}{', ' + why if why else ''}"
        return Candidate(name, words, make(new), rank + 1)

    return Knob(make, old, describe, sorted(x for x in others if x != old))


def _after(members: tuple[int, ...], function: Callable[[Any], Any]) -> Edit:
    return Edit(after={index: lambda value, _get: function(value) for index in members})


def factor_knobs(context: Context) -> Iterator[Knob]:
    """A factor on each node."""
    program = context.program
    for members in groups(program, program.live):
        node = program.nodes[members[0]]
        if (
            not node.is_floating
            or node.op in ("broadcast", "reshape", "permute", "convert", "item", "neg")
            or "float64" != node.dtype
        ):
            continue
        make: Callable[[float], Edit] = partial(lambda m, c: _after(m, lambda value: value * c), members)

        def describe(new: float, members: tuple[int, ...] = members, make: Callable[[float], Edit] = make) -> Candidate:
            name, why, rank = factor_cause(context, members[0], 1.0, new, members[0])
            return Candidate(
                name, f"{title(program, members)} times {new:.6g}{', ' + why if why else ''}", make(new), rank + 3
            )

        guesses = [-1.0, 0.0, 2.0, 0.5]
        if context.is_sum(members[0]):
            guesses += [x for count in sorted(context.counts)[:12] for x in (float(count), 1 / count)]
        yield Knob(make, 1.0, describe, guesses)


def addend_knobs(context: Context) -> Iterator[Knob]:
    """A number added to each node."""
    program = context.program
    for members in groups(program, program.live):
        node = program.nodes[members[0]]
        if node.dtype != "float64" or node.op in ("broadcast", "reshape", "permute", "convert", "item"):
            continue
        make: Callable[[float], Edit] = partial(lambda m, c: _after(m, lambda value: value + c), members)

        def describe(new: float, members: tuple[int, ...] = members, make: Callable[[float], Edit] = make) -> Candidate:
            root = context.into_root(members[0]) or (program.nodes[members[0]].op == "sqrt" and "a root")
            name, rank = ("eps value", 9) if root and abs(new) <= 2e-2 else ("missing term", 32)
            return Candidate(
                name,
                f"{title(program, members)} plus {new:.6g}{f', on the way into {root}' if root else ''}",
                make(new),
                rank,
            )

        yield Knob(make, 0.0, describe, (1.0, -1.0))


def literals(program: Program) -> set[float]:
    return {float(arg) for index in program.live for arg in program.nodes[index].args if _is_number(arg)}
