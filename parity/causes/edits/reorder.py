"""An operation applied earlier or later than where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from parity.causes.context import Context
from parity.causes.edits.sites import groups, title
from parity.causes.hypothesis import Hypothesis
from parity.programs.program import Edit, Program, Ref

_DEAF = {"broadcast", "convert", "detach"}
_MOVED = {"mul", "div", "add", "sub"}


def sites(context: Context) -> Iterator[tuple[tuple[int, ...], int]]:
    """Operations with two operands that could stand elsewhere: nodes, and the position of the operand that stays."""
    program = context.program
    for members, node in groups(program):
        if node.op in _MOVED and len(node.args) == 2 and node.is_floating:
            for position, arg in enumerate(node.args):
                if isinstance(arg, Ref) and not (node.op in ("div", "sub") and position == 1):
                    yield members, position


def without(context: Context, members: tuple[int, ...], position: int) -> Edit:
    """The operation left out. A difference that this explains is no matter of order."""
    nodes = context.program.nodes
    return Edit({i: replace(nodes[i], args=(nodes[i].args[position],), compute=_itself) for i in members})


def _itself(x: Any) -> Any:
    return x


def moves(context: Context, members: tuple[int, ...], position: int) -> Iterator[Hypothesis]:
    """The operation applied to another value nearby."""
    program = context.program
    for target in [*program.above(members[0], 4), *_below(program, members[0], 3)]:
        other = program.nodes[target]
        stays = program.nodes[members[0]].args[position]
        if other.is_floating and stays != Ref(target) and other.op not in _DEAF:
            yield _moved(program, members, position, target)


def _below(program: Program, index: int, depth: int) -> list[int]:
    below, layer = [], [index]
    for _ in range(depth):
        layer = [u for n in layer for u in program.users[n]]
        below += layer
    return list(dict.fromkeys(below))


def _moved(program: Program, members: tuple[int, ...], position: int, target: int) -> Hypothesis:
    after: dict[int, Any] = {}
    for index in members:
        node = program.nodes[index]
        kept, other, compute = node.args[position], node.args[1 - position], node.compute
        assert isinstance(kept, Ref)
        assert compute is not None
        after[index] = lambda _x, get, k=kept.index: get(k)

        def applied(x: Any, get: Any, other: Any = other, compute: Any = compute) -> Any:
            value = get(other.index) if isinstance(other, Ref) else other
            return compute(x, value) if position == 0 else compute(value, x)

        after[target + index - members[0]] = applied
    change = f"{title(program, members)} applied to {program.nodes[target]} instead"
    return Hypothesis("update order", change, Edit(after=after), 17)
