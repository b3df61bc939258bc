"""An operation applied earlier or later than where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from parity.causes.candidate import Candidate
from parity.causes.context import Context
from parity.causes.edits.sites import groups, title
from parity.causes.programs.program import Edit, Program, Ref

_MOVED = {"mul", "div", "add", "sub"}


def moves(context: Context) -> Iterator[Candidate]:
    """An operation with a second operand taken from its place and applied to another value nearby."""
    program = context.program
    for members in groups(program, program.live):
        index = members[0]
        node = program.nodes[index]
        if node.op not in _MOVED or len(node.args) != 2 or not node.is_floating:
            continue
        for position, arg in enumerate(node.args):
            if not isinstance(arg, Ref) or (node.op in ("div", "sub") and position == 1):
                continue
            near = [*program.above(index, 4), *_below(program, index, 3)]
            for target in near:
                other = program.nodes[target]
                if other.is_floating and target != arg.index and other.op not in ("broadcast", "convert"):
                    yield _moved(program, members, position, target)


def _below(program: Program, index: int, depth: int) -> list[int]:
    found, layer = [], [index]
    for _ in range(depth):
        layer = [u for n in layer for u in program.users[n]]
        found += layer
    return list(dict.fromkeys(found))


def _moved(program: Program, members: tuple[int, ...], position: int, target: int) -> Candidate:
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
    words = f"{title(program, members)} applied to {program.nodes[target]} instead"
    return Candidate("update order", words, Edit(after=after), 17)
