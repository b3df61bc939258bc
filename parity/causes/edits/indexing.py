"""Values taken from other places along an axis: reversed, shifted, padded on the other side, transposed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from parity.causes.context import Context
from parity.causes.edits.sites import groups, title
from parity.causes.hypothesis import Hypothesis
from parity.programs.program import Edit

_VIEWS = {"reshape", "broadcast", "convert", "item"}


def tensors(context: Context) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Nodes whose elements an edit may rearrange, and their shape."""
    program = context.program
    for members, node in groups(program):
        if node.shape and node.op not in _VIEWS and node.op != "fill":
            yield members, node.shape


def _input_first(context: Context, members: tuple[int, ...], rank: float) -> float:
    return rank - 0.5 if context.program.nodes[members[0]].op == "input" else rank


def reversals(context: Context) -> Iterator[Hypothesis]:
    """One axis, or the last two, backwards."""
    for members, shape in tensors(context):
        for axis, size in enumerate(shape):
            if size > 1:
                change = f"{title(context.program, members)} reversed along axis {axis}"
                yield Hypothesis(
                    "reversed index",
                    change,
                    Edit.mapped(members, Tensor.flip, axis),
                    _input_first(context, members, 12),
                )
        axes = [axis for axis, size in enumerate(shape) if size > 1]
        if len(axes) > 2:
            pair = axes[-2:]
            change = f"{title(context.program, members)} reversed along axes {pair}"
            yield Hypothesis(
                "reversed index", change, Edit.mapped(members, Tensor.flip, pair), _input_first(context, members, 13)
            )


def _shifted(x: Tensor, amount: int, axis: int) -> Tensor:
    """Moved along an axis, zeros where nothing comes from."""
    size = x.shape[axis]
    kept = x.narrow(axis, max(-amount, 0), size - abs(amount))
    empty = torch.zeros_like(x.narrow(axis, 0, abs(amount)))
    return torch.cat([empty, kept] if amount > 0 else [kept, empty], axis)


def shifts(context: Context) -> Iterator[Hypothesis]:
    """Moved by one along an axis, around its end or with zeros coming in."""
    for members, shape in tensors(context):
        for axis, size in enumerate(shape):
            for amount in (1, -1):
                if size < 2:
                    continue
                change = f"{title(context.program, members)} shifted by {amount} along axis {axis}"
                yield Hypothesis("shifted index", change, Edit.mapped(members, Tensor.roll, amount, axis), 13)
                yield Hypothesis(
                    "shifted index", f"{change}, zeros coming in", Edit.mapped(members, _shifted, amount, axis), 14
                )


def starts(context: Context) -> Iterator[Hypothesis]:
    """Counters that start one later or earlier, indices one higher or lower, slices one further."""
    program = context.program
    for members, node in groups(program):
        for amount in (1, -1):
            change = f"{title(program, members)} counts from {amount:+d}"
            if node.op in ("iota", "input") and node.shape and (node.op == "iota" or "int" in node.dtype):
                name, rank = (
                    ("mask off by one", 9)
                    if context.feeds_comparison(members[0]) and not _is_position(context, members[0])
                    else ("shifted index", 10)
                )
                yield Hypothesis(name, change, Edit.mapped(members, torch.add, amount), rank)
            if node.op == "slice":
                _, axis, start, stop, step = node.args
                edit = Edit(
                    {
                        i: program.nodes[i].with_args(
                            program.nodes[i].args[0], axis, start + amount, stop + amount, step
                        )
                        for i in members
                    }
                )
                if start + amount >= 0:
                    yield Hypothesis(
                        "shifted index",
                        f"{title(program, members)} from {start + amount} in place of {start}",
                        edit,
                        11,
                    )


def _is_position(context: Context, index: int) -> bool:
    return any(context.program.nodes[i].op in ("sin", "cos") for i in context.program.below({index}))


def paddings(context: Context) -> Iterator[Hypothesis]:
    """Padding moved from one end of an axis to the other, or added at one end and cut at the other."""
    program = context.program
    for members, node in groups(program):
        if node.op != "pad":
            continue
        _, value, low, high = node.args
        choices = [(tuple(high), tuple(low))] if tuple(low) != tuple(high) else []
        for axis, before in enumerate(low):
            total = before + high[axis]
            for start in range(-1, total + 2) if total else (-1, 1):
                moved = (*low[:axis], start, *low[axis + 1 :]), (*high[:axis], total - start, *high[axis + 1 :])
                choices += [moved] if start != before else []
        for new_low, new_high in choices:
            nodes = {i: program.nodes[i].with_args(program.nodes[i].args[0], value, new_low, new_high) for i in members}
            change = f"{title(program, members)}: {new_low} before and {new_high} after, in place of {low} and {high}"
            yield Hypothesis("padding side", change, Edit(nodes), 5)


def transposes(context: Context) -> Iterator[Hypothesis]:
    """Two axes of one size exchanged."""
    for members, shape in tensors(context):
        for first, second in itertools.combinations(range(len(shape)), 2):
            if shape[first] == shape[second] > 1:
                change = f"{title(context.program, members)} with axes {first} and {second} exchanged"
                yield Hypothesis(
                    "transposed axes",
                    change,
                    Edit.mapped(members, Tensor.transpose, first, second),
                    _input_first(context, members, 8),
                )
