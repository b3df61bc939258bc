"""Elements of an axis in another order: groups of neighbours against every n-th, axes read in another order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from parity.causes.context import Context
from parity.causes.edits.indexing import tensors
from parity.causes.edits.sites import groups, title
from parity.causes.hypothesis import Hypothesis
from parity.programs.program import Edit, Node, applied


def permuted(context: Context) -> Iterator[Hypothesis]:
    """A reshape that reads or writes its elements in another order of axes."""
    program = context.program
    for members, node in groups(program):
        if node.op != "reshape" or not node.operands:
            continue
        before = program.nodes[node.operands[0]].shape
        if len([s for s in before if s > 1]) == len([s for s in node.shape if s > 1]):
            continue
        for order in itertools.permutations(range(len(before))):
            if list(order) != sorted(order) and len(before) <= 5:
                edit = Edit({i: _reshaped(program.nodes[i], order, None) for i in members})
                yield Hypothesis(
                    "permuted axes", f"{title(program, members)} after axes {before} in the order {order}", edit, 9
                )
        for order in itertools.permutations(range(len(node.shape))):
            if list(order) != sorted(order) and len(node.shape) <= 5:
                edit = Edit({i: _reshaped(program.nodes[i], None, order) for i in members})
                yield Hypothesis(
                    "permuted axes", f"{title(program, members)} to {node.shape} filled in the order {order}", edit, 9
                )


def _reshaped(node: Node, before: Any, filled: Any) -> Node:
    shape = node.shape

    def compute(x: Tensor, _shape: Any) -> Tensor:
        if before is not None:
            return x.permute(before).reshape(shape)
        back = [filled.index(axis) for axis in range(len(shape))]
        return x.reshape([shape[axis] for axis in filled]).permute(back)

    return replace(node, compute=compute)


def _strided(x: Tensor, axis: int, parts: int) -> Tensor:
    """Elements 0, n, 2n, … first, then 1, n + 1, …: from interleaved to one part after the other."""
    return torch.cat([x[(slice(None),) * axis + (slice(start, None, parts),)] for start in range(parts)], axis)


def interleavings(context: Context) -> Iterator[Hypothesis]:
    """An axis regrouped: pairs (2i, 2i + 1) against pairs (i, i + n/2), and the like for other group sizes."""
    for members, shape in tensors(context):
        for axis, size in enumerate(shape):
            for parts in range(2, size):
                if size % parts == 0:
                    change = f"{title(context.program, members)} with axis {axis} regrouped from {parts} parts to {size // parts}"
                    yield Hypothesis("permuted axes", change, Edit.mapped(members, _strided, axis, parts), 12)


def rope_pairings(context: Context) -> Iterator[Hypothesis]:
    """The same at two places: before and after a rotation, or on two factors of a product."""
    program = context.program
    if not context.has("sin", "cos"):
        return
    inputs = [i for i in program.inputs.values() if program.nodes[i].is_floating and len(program.nodes[i].shape) > 1]
    for parts in (2, 0):

        def regroup(x: Tensor, parts: int = parts) -> Tensor:
            return _strided(x, x.ndim - 1, parts or x.shape[-1] // 2)

        def back(x: Tensor, parts: int = parts) -> Tensor:
            return _strided(x, x.ndim - 1, x.shape[-1] // 2 if parts else 2)

        even = [i for i in inputs if program.nodes[i].shape[-1] % 2 == 0]
        order = "interleaved to half-split" if parts else "half-split to interleaved"
        for number in (2, 1, 3):
            for chosen in itertools.combinations(even, number):
                names = " and ".join(program.nodes[i].place for i in chosen)
                yield Hypothesis("rope pairing", f"last axis of {names} from {order}", Edit.mapped(chosen, regroup), 1)
        for index in program.live:
            node = program.nodes[index]
            if (
                not node.is_floating
                or node.op not in ("add", "sub", "concat", "reshape")
                or not node.shape
                or node.shape[-1] % 2
            ):
                continue
            for source in program.above(index, 12):
                other = program.nodes[source]
                if (
                    other.shape == node.shape
                    and other.is_floating
                    and other.op in ("input", "add", "reshape", "permute")
                ):
                    edit = Edit(after={source: applied(regroup), index: applied(back)})
                    yield Hypothesis("rope pairing", f"between {other} and {node} from {order}", edit, 1)


def regroupings(context: Context) -> Iterator[Hypothesis]:
    """An axis split into groups in the other order, and joined again in it: groups of neighbours against groups of every n-th."""
    program = context.program
    splits = [
        i
        for i in program.live
        if program.nodes[i].op == "reshape"
        and program.nodes[i].operands
        and len(program.nodes[i].shape) > len(program.nodes[program.nodes[i].operands[0]].shape)
    ]
    for first in splits:
        source = program.nodes[first].operands[0]
        whole = program.nodes[source].shape
        below = program.below({first})
        for last in sorted(below):
            node = program.nodes[last]
            if node.op != "reshape" or node.shape != whole:
                continue
            for axis, size in enumerate(whole):
                for parts in range(2, size):
                    if size % parts == 0:
                        change = f"axis {axis} regrouped by {parts} before {program.nodes[first]} and back after {node}"
                        back = {last: applied(_strided, axis, size // parts)}
                        edit = Edit({first: _fed(program.nodes[first], axis, parts)}, back)
                        yield Hypothesis("permuted axes", change, edit, 10)


def _fed(node: Node, axis: int, parts: int) -> Node:
    return replace(node, compute=lambda x, shape: _strided(x, axis, parts).reshape(tuple(shape)))
