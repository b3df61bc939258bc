"""What a gradient flows through: stops taken away, and stops put in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from parity.causes.context import Context
from parity.causes.edits.sites import groups, title
from parity.causes.hypothesis import Hypothesis
from parity.programs.interpreter import Interpreter
from parity.programs.operations import ELEMENTWISE, TABLE
from parity.programs.program import Edit, Program, Ref


def opened(context: Context, interpreter: Interpreter) -> Iterator[Hypothesis]:
    """Without a stop that the program has."""
    program = context.program
    for members, node in groups(program):
        if node.op == "detach":
            edit = Edit({i: replace(program.nodes[i], op="reshape", compute=lambda x: x) for i in members})
            change = f"without the {title(program, members)} of the {program.side} side"
            if _stands_in(program, interpreter, members[0]):
                yield Hypothesis(
                    "wrong gradient rule", f"{change}, which gives a function the gradient of another", edit, 1
                )
            yield Hypothesis("stopped gradient", change, edit, 2)


def _stands_in(program: Program, interpreter: Interpreter, index: int) -> bool:
    """`x + stop(y - x)`, the value of y with the gradient of x, or a function of x alone with a stop inside."""
    source = program.nodes[index].operands[0]
    node = program.nodes[source]
    others = [
        a.index
        for u in program.users[index]
        for a in program.nodes[u].args
        if isinstance(a, Ref) and a.index != index and program.nodes[u].op in ELEMENTWISE
    ]
    for other in others:
        if program.nodes[other].shape != node.shape:
            continue
        if _elementwise_from(program, source, other):
            return True
        if node.op == "sub" and isinstance(node.args[0], Ref) and isinstance(node.args[1], Ref):
            same = torch.equal(interpreter.value(node.args[1].index), interpreter.value(other))
            return same and not _adds_to(program, node.args[0].index, node.args[1].index)
    return False


def _elementwise_from(program: Program, index: int, source: int) -> bool:
    """Made of `source` and numbers alone, element by element."""
    stack, reached = [index], False
    for _ in range(20):
        if not stack:
            return reached
        current = stack.pop()
        if current == source:
            reached = True
        elif program.nodes[current].op not in ELEMENTWISE or not program.nodes[current].operands:
            return False
        else:
            stack += program.nodes[current].operands
    return False


def _adds_to(program: Program, index: int, source: int) -> bool:
    """`source` plus or minus something."""
    while program.nodes[index].op in ("add", "sub") and isinstance(program.nodes[index].args[0], Ref):
        index = program.nodes[index].args[0].index
        if index == source:
            return True
    return False


def stopped(context: Context) -> Iterator[Hypothesis]:
    """With a stop that the program does not have."""
    program = context.program
    for members, node in groups(program):
        if node.is_floating and node.op != "detach":
            edit = Edit.mapped(members, TABLE["detach"])
            yield Hypothesis("stopped gradient", f"no gradient through {title(program, members)}", edit, 5)


def stopped_edges(context: Context) -> Iterator[Hypothesis]:
    """With a stop on one operand of one operation."""
    program = context.program
    for index in program.live:
        node = program.nodes[index]
        for position, arg in enumerate(node.args):
            if isinstance(arg, Ref) and program.nodes[arg.index].is_floating and len(program.users[arg.index]) > 1:
                compute = node.compute
                assert compute is not None

                def cut(*args: object, p: int = position, f: object = compute) -> object:
                    return f(*(TABLE["detach"](a) if k == p else a for k, a in enumerate(args)))  # type: ignore[operator]

                edit = Edit({index: replace(node, compute=cut)})
                yield Hypothesis("stopped gradient", f"no gradient from {node} to {program.nodes[arg.index]}", edit, 6)
