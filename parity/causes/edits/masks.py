"""Which elements take part: comparisons, triangles, selections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from parity.causes.context import COMPARISONS, Context
from parity.causes.edits.sites import groups, title
from parity.causes.hypothesis import Hypothesis
from parity.programs.operations import TABLE
from parity.programs.program import Edit, Node, Program, Ref

_EDGE = {"ge": "gt", "gt": "ge", "le": "lt", "lt": "le"}


def masks(context: Context) -> Iterator[Hypothesis]:
    """Comparisons with another edge or shifted, masks inverted, triangles with another diagonal."""
    program = context.program
    offsets = _offsets(context)
    for members, node in groups(program):
        if node.op in _EDGE:
            yield from _edges(context, members)
        if node.dtype == "bool" and node.shape and node.op not in ("broadcast", "reshape", "convert", "permute"):
            edit = Edit.mapped(members, torch.logical_not)
            # A guard such as x == 0 is no mask: turned over, it takes a whole term away.
            rank = 3 if context.is_mask(members[0]) else 28
            yield Hypothesis("inverted mask", f"{title(program, members)} inverted", edit, rank)
        if node.op == "triangle":
            for amount in offsets:
                diagonal = node.args[1] + amount
                edit = Edit({i: program.nodes[i].with_arg(1, diagonal) for i in members})
                yield _shift(amount, f"{title(program, members)}: diagonal {node.args[1]} → {diagonal}", edit)
        if node.op in COMPARISONS and _whole(program, members[0]):
            for amount in offsets:
                edit = Edit({i: _moved(program.nodes[i], amount) for i in members})
                yield _shift(amount, f"{title(program, members)} with its left side {amount:+d}", edit)


def _edges(context: Context, members: tuple[int, ...]) -> Iterator[Hypothesis]:
    program = context.program
    node = program.nodes[members[0]]
    other = _EDGE[node.op]
    edit = Edit({i: replace(program.nodes[i], op=other, compute=TABLE[other]) for i in members})
    name = "mask off by one" if _whole(program, members[0]) else "tie rule"
    yield Hypothesis(name, f"{title(program, members)}: {node.op} → {other}", edit, 4)


def _whole(program: Program, index: int) -> bool:
    operands = [program.nodes[i] for i in program.nodes[index].operands]
    return bool(operands) and all("int" in node.dtype for node in operands) and bool(program.nodes[index].shape)


def _moved(node: Node, amount: int) -> Node:
    compute = node.compute
    assert compute is not None
    return replace(node, compute=lambda x, y: compute(x + amount, y))


def _offsets(context: Context) -> list[int]:
    """±1, and the differences of two lengths."""
    sizes = sorted(context.sizes)
    gaps = {a - b for a in sizes for b in sizes if a != b and abs(a - b) < 64}
    return [1, -1, *sorted(gaps - {1, -1}, key=abs)]


def _shift(amount: int, change: str, edit: Edit) -> Hypothesis:
    return Hypothesis(
        "mask off by one" if abs(amount) == 1 else "mask aligned at the other corner",
        change,
        edit,
        2 if abs(amount) == 1 else 4,
    )


def alignments(context: Context) -> Iterator[Hypothesis]:
    """Positions that are counted from the other end of the longer side."""
    program = context.program
    counters = [i for i in program.live if program.nodes[i].op == "iota"]
    for members, _ in groups(program, counters):
        for amount in _offsets(context):
            if abs(amount) > 1:
                edit = Edit.mapped(members, torch.add, amount)
                yield Hypothesis(
                    "mask aligned at the other corner", f"{title(program, members)} counts from {amount:+d}", edit, 6
                )


def selections(context: Context) -> Iterator[Hypothesis]:
    """A selection that always takes the same operand."""
    program = context.program
    for members, node in groups(program):
        if node.op == "where" and isinstance(node.args[0], Ref):
            for kept in (1, 2):
                nodes = {i: _only(program.nodes[i], kept) for i in members}
                yield Hypothesis(
                    "missing term", f"{title(program, members)} always takes operand {kept}", Edit(nodes), 24
                )


def _only(node: Node, kept: int) -> Node:
    return replace(node, compute=lambda *args: TABLE["where"](args[0], args[kept], args[kept]))
