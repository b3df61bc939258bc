"""Where a small number is added: inside or outside of a root, before or after a division, as a sum or as a bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from parity.causes.context import CARRIERS, Context
from parity.causes.edits.sites import groups, title
from parity.causes.hypothesis import Hypothesis, ScalarEdit
from parity.causes.naming import TINY
from parity.programs.program import Edit, Program

_REACH = 5


def placement_edits(context: Context) -> Iterator[ScalarEdit]:
    """Each small number that is added or bounds something, taken away and put at another place nearby."""
    program = context.program
    for members, node in groups(program):
        if node.op not in ("add", "max", "clamp"):
            continue
        small = [arg for arg in node.args if isinstance(arg, float) and 0 < abs(arg) <= TINY]
        if len(small) != 1 or not node.operands:
            continue
        for offset, as_bound in _targets(program, members[0], node.op):
            yield _placement(program, members, offset, as_bound, small[0])


def _targets(program: Program, index: int, op: str) -> Iterator[tuple[list[int], bool]]:
    """Paths from the place where the number is added to where it might be, and whether it is a bound there."""
    yield [], op == "add"
    for near, _ in [*program.above(index, _REACH).items(), *_below(program, index).items()]:
        node = program.nodes[near]
        if node.is_floating and node.op not in CARRIERS and node.op != "input" and near != index:
            yield [near], False
            yield [near], True


def _below(program: Program, index: int) -> dict[int, int]:
    distance: dict[int, int] = {}
    layer = [index]
    for step in range(1, _REACH + 1):
        layer = [u for n in layer for u in program.users[n] if u not in distance]
        distance.update(dict.fromkeys(layer, step))
    return distance


def _placement(program: Program, members: tuple[int, ...], path: list[int], as_bound: bool, old: float) -> ScalarEdit:
    gap = path[0] - members[0] if path else 0
    targets = [i + gap for i in members]
    if any(not 0 <= t < len(program.nodes) or program.nodes[t].op != program.nodes[targets[0]].op for t in targets):
        targets = targets[:1]

    def put(value: float) -> Callable[..., Any]:
        if as_bound:
            return lambda x, _get: torch.clamp_min(x, value)
        return lambda x, _get: x + value

    def make(value: float) -> Edit:
        after: dict[int, Any] = {}
        for index in members:
            source = program.nodes[index].operands[0]
            after[index] = lambda _x, get, s=source: get(s)
        for target in targets:
            if target in after:
                after[target] = lambda _x, get, s=program.nodes[target].operands[0]: put(value)(get(s), get)
            else:
                after[target] = put(value)
        return Edit(after=after)

    def describe(value: float) -> Hypothesis:
        where = str(program.nodes[targets[0]])
        how = "as a lower bound of" if as_bound else "added to the result of"
        change = f"{title(program, members)}: {old:.6g} removed there, and {value:.6g} {how} {where if path else 'its operand'}"
        return Hypothesis("eps placement", change, make(value), 6 if abs(value - old) < 1e-9 * old else 6.5)

    return ScalarEdit(make, old, describe, (old, old * old, old**0.5), is_neutral=False)
