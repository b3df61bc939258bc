"""Another number where the program has one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from parity.causes.constants import arrow, close
from parity.causes.context import COMPARISONS, Context
from parity.causes.edits.sites import groups, title
from parity.causes.hypothesis import Hypothesis, ScalarEdit
from parity.causes.naming import literal_cause
from parity.programs.program import Edit, Program

_OPS = {"add", "sub", "mul", "div", "pow", "max", "min", "clamp", "where", "iota", "fill", "pad", *COMPARISONS}
_EPS = (1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.0)


def literal_edits(context: Context, others: set[float]) -> Iterator[ScalarEdit]:
    """One for each literal; `others` are the other side's literals, which are tried first."""
    program = context.program
    for members, node in groups(program):
        if node.op not in _OPS:
            continue
        for position, old in enumerate(node.args[:3]):
            whole = node.op == "iota" or "int" in node.dtype or (node.op == "pad")
            if not _is_number(old) or (whole and node.op not in COMPARISONS) or (node.op == "pad" and position != 1):
                continue
            yield _literal_edit(context, members, position, float(old), others)


def _literal_edit(
    context: Context, members: tuple[int, ...], position: int, old: float, others: set[float]
) -> ScalarEdit:
    program = context.program

    def make(new: float) -> Edit:
        return Edit({index: program.nodes[index].with_arg(position, new) for index in members})

    def describe(new: float) -> Hypothesis:
        name, why, rank = literal_cause(context, members[0], position, old, new)
        change = f"{title(program, members)}: {arrow(old, new)}{', ' + why if why else ''}"
        return Hypothesis(name, change, make(new), rank)

    node = program.nodes[members[0]]
    guesses = {x for x in others if x != old}
    if node.op in ("add", "max") and abs(old) < 0.1:
        guesses |= {x for x in _EPS if x != old}
    if node.op in ("mul", "div"):
        guesses |= {1 - old, -old, 1.0, 2 * old, 0.0 if node.op == "mul" else 1.0} - {old}
        guesses |= {old - 1, old + 1} if old in context.counts or old + 1 in context.counts else set()
    return ScalarEdit(make, old, describe, sorted(guesses))


def same_literal_edits(context: Context, others: set[float]) -> Iterator[ScalarEdit]:
    """One for each number that stands in several places: all of them together."""
    program = context.program
    places: dict[float, list[tuple[int, int]]] = {}
    for index in program.live:
        node = program.nodes[index]
        for position, old in enumerate(node.args[:3]):
            if node.op in _OPS and node.op not in ("iota", "pad") and isinstance(old, float) and _is_number(old):
                places.setdefault(abs(old), []).append((index, position))
    for old, sites in places.items():
        if len(sites) > 1 and old not in (0.0, 1.0):
            yield _together(context, sites, old, others)


def _together(context: Context, sites: list[tuple[int, int]], old: float, others: set[float]) -> ScalarEdit:
    program = context.program

    def make(new: float) -> Edit:
        nodes: dict[int, Any] = {}
        for index, position in sites:
            node = nodes.get(index, program.nodes[index])
            nodes[index] = node.with_arg(position, new if node.args[position] > 0 else -new)
        return Edit(nodes)

    def describe(new: float) -> Hypothesis:
        causes = [literal_cause(context, index, position, old, new) for index, position in sites]
        name, why, rank = min(causes, key=lambda cause: (cause[0] != "clamp bound", cause[2]))
        change = (
            f"{arrow(old, new)} in {len(sites)} places, first {program.nodes[sites[0][0]]}{', ' + why if why else ''}"
        )
        return Hypothesis(name, change, make(new), rank + 1)

    return ScalarEdit(make, old, describe, sorted(x for x in others if x != old))


def share_edits(context: Context) -> Iterator[ScalarEdit]:
    """A number s that also stands as 1 - s and as s over a size, as in label smoothing: all of them together."""
    program = context.program
    values = {
        (i, p): float(v)
        for i in program.live
        for p, v in enumerate(program.nodes[i].args[:3])
        if program.nodes[i].op in _OPS and isinstance(v, float) and 0 < abs(v) < 1
    }
    for share in sorted({abs(v) for v in values.values()} | {1 - abs(v) for v in values.values()}):
        roles: dict[tuple[int, int], tuple[float, float]] = {}  # site → (constant, slope) in s
        for site, value in values.items():
            sign = 1.0 if value > 0 else -1.0
            if close(abs(value), 1 - share):
                roles[site] = (sign, -sign)
                continue
            for size in (1, *sorted(context.sizes)):
                if close(abs(value), share / size):
                    roles[site] = (0.0, sign / size)
                    break
        if any(c for c, _ in roles.values()) and not all(c for c, _ in roles.values()):
            yield _share_edit(context, roles, share)


def _share_edit(context: Context, roles: dict[tuple[int, int], tuple[float, float]], old: float) -> ScalarEdit:
    program = context.program

    def make(new: float) -> Edit:
        nodes: dict[int, Any] = {}
        for (index, position), (constant, slope) in roles.items():
            nodes[index] = nodes.get(index, program.nodes[index]).with_arg(position, constant + slope * new)
        return Edit(nodes)

    def describe(new: float) -> Hypothesis:
        name, rank = (
            ("momentum convention", 7.0)
            if close(old + new, 1)
            else ("constant factor", 17.0)
            if new
            else ("missing term", 16.0)
        )
        places = ", ".join(dict.fromkeys(str(program.nodes[index]) for index, _ in roles))
        return Hypothesis(name, f"{old:.6g} → {new:.6g} and 1 - {old:.6g} → 1 - {new:.6g} at {places}", make(new), rank)

    return ScalarEdit(make, old, describe, (0.0, 1 - old))


def literals(program: Program) -> set[float]:
    """All numbers that the program holds."""
    return {float(arg) for index in program.live for arg in program.nodes[index].args if _is_number(arg)}


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and value == value
        and abs(value) != float("inf")
    )
