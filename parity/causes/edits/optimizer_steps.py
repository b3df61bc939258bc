"""Steps of optimizers and averages: decay in the gradient or beside it, and what an average starts from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from parity.causes.context import CARRIERS, Context
from parity.causes.edits.sites import groups, title
from parity.causes.hypothesis import Hypothesis, ScalarEdit
from parity.programs.interpreter import Interpreter
from parity.programs.operations import TABLE
from parity.programs.program import Edit, Node, Program, Ref


def decoupled(context: Context) -> Iterator[ScalarEdit]:
    """A decay that is added to the gradient taken from the parameters instead, which an update is subtracted from."""
    program = context.program
    for members, node in groups(program):
        if node.op != "add" or len(node.operands) != 2:
            continue
        for position in (0, 1):
            states = [_scaled(program, program.nodes[i].operands[position]) for i in members]
            if None in states or any(program.nodes[s].shape != node.shape for s in states if s is not None):
                continue
            yield _decoupled(program, members, position, [s for s in states if s is not None])


def _scaled(program: Program, index: int) -> int | None:
    """The node that is multiplied by a number here."""
    node = program.nodes[index]
    is_scaled = node.op == "mul" and len(node.operands) == 1 and any(isinstance(arg, float) for arg in node.args)
    return node.operands[0] if is_scaled else None


def _decoupled(program: Program, members: tuple[int, ...], position: int, states: list[int]) -> ScalarEdit:
    ends = [i for i in program.outputs.values() if program.nodes[i].shape == program.nodes[members[0]].shape]
    last = next((i for i in ends if members[-1] in program.above(i, 60)), None)

    def make(rate: float) -> Edit:
        nodes = {i: _other_operand(program.nodes[i], 1 - position) for i in members}
        later = [*states[1:], *([last] if last is not None else [])]
        after: dict[int, Callable[..., Any]] = {}
        for old, new in zip(states, later, strict=False):
            after[new] = lambda value, get, s=old: value - rate * get(s)
        return Edit(nodes, after)

    def describe(rate: float) -> Hypothesis:
        change = f"{title(program, members)} left out, and {rate:.6g} of the old parameters taken from the new ones"
        return Hypothesis("coupled weight decay", change, make(rate), 5)

    return ScalarEdit(make, 0.0, describe, is_neutral=False)


def _other_operand(node: Node, position: int) -> Node:
    return Node("reshape", TABLE["reshape"], (node.args[position], node.shape), node.place, node.shape, node.dtype)


def initial(context: Context, interpreter: Interpreter) -> Iterator[Hypothesis]:
    """An average that starts from zero, started from its first value; with its bias correction, where it has one, left out."""
    program = context.program
    for index in program.live:
        node = program.nodes[index]
        if node.op not in ("add", "sub") or len(node.operands) != 2 or not node.shape:
            continue
        for position in (0, 1):
            empty, share = node.operands[position], _scaled(program, node.operands[1 - position])
            if share is None or interpreter.value(empty).any() or program.nodes[share].shape != node.shape:
                continue
            edit = Edit({index: replace(node, compute=lambda x: x, args=(Ref(share),))})
            change = f"{node} is its first value, in place of a share of it added to zero"
            yield Hypothesis("initial state", change, edit, 3)
            for name, factor in _corrections(program):
                both = Edit({**edit.nodes, factor: _uncorrected(program, factor)})
                yield Hypothesis("initial state", f"{change}, without the bias correction {name}", both, 3.5)


def _corrections(program: Program) -> Iterator[tuple[str, int]]:
    for output in program.outputs.values():
        index = output
        while program.nodes[index].op in CARRIERS and program.nodes[index].operands:
            index = program.nodes[index].operands[0]
        node = program.nodes[index]
        if node.op in ("mul", "div") and isinstance(node.args[0], Ref) and node.shape:
            yield str(node), index


def _uncorrected(program: Program, index: int) -> Node:
    return replace(program.nodes[index], compute=lambda x, *_: x)
