"""Values taken from other places along an axis: reversed, shifted, permuted, transposed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from parity.causes.candidate import Candidate
from parity.causes.context import Context
from parity.causes.edits.sites import groups, title
from parity.causes.programs.program import Edit

_VIEWS = {"reshape", "broadcast", "convert", "item"}


def after(members: tuple[int, ...], function: Callable[[Any], Any]) -> Edit:
    return Edit(after={index: lambda value, _get: function(value) for index in members})


def _tensors(context: Context) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    program = context.program
    for members in groups(program, program.live):
        node = program.nodes[members[0]]
        if node.shape and node.op not in _VIEWS and node.op != "fill":
            yield members, node.shape


def reversals(context: Context) -> Iterator[Candidate]:
    for members, shape in _tensors(context):
        for axis, size in enumerate(shape):
            if size > 1:
                words = f"{title(context.program, members)} reversed along axis {axis}"
                yield Candidate(
                    "reversed index",
                    words,
                    after(members, lambda x, a=axis: x.flip(a)),
                    _input_first(context, members, 12),
                )
        axes = [axis for axis, size in enumerate(shape) if size > 1]
        if len(axes) > 2:
            pair = axes[-2:]
            words = f"{title(context.program, members)} reversed along axes {pair}"
            yield Candidate(
                "reversed index", words, after(members, lambda x, a=pair: x.flip(a)), _input_first(context, members, 13)
            )


def _input_first(context: Context, members: tuple[int, ...], rank: float) -> float:
    return rank - 0.5 if context.program.nodes[members[0]].op == "input" else rank


def shifted(x: Tensor, amount: int, axis: int) -> Tensor:
    """Moved along an axis, zeros where nothing comes from."""
    size = x.shape[axis]
    kept = x.narrow(axis, max(-amount, 0), size - abs(amount))
    empty = torch.zeros_like(x.narrow(axis, 0, abs(amount)))
    return torch.cat([empty, kept] if amount > 0 else [kept, empty], axis)


def shifts(context: Context) -> Iterator[Candidate]:
    for members, shape in _tensors(context):
        for axis, size in enumerate(shape):
            for amount in (1, -1):
                if size < 2:
                    continue
                words = f"{title(context.program, members)} shifted by {amount} along axis {axis}"
                yield Candidate("shifted index", words, after(members, lambda x, n=amount, a=axis: x.roll(n, a)), 13)
                yield Candidate(
                    "shifted index",
                    f"{words}, zeros coming in",
                    after(members, lambda x, n=amount, a=axis: shifted(x, n, a)),
                    14,
                )


def starts(context: Context) -> Iterator[Candidate]:
    """Counters that start one later or earlier, indices one higher or lower, slices one further."""
    program = context.program
    for members in groups(program, program.live):
        node = program.nodes[members[0]]
        for amount in (1, -1):
            words = f"{title(program, members)} counts from {amount:+d}"
            if node.op in ("iota", "input") and node.shape and (node.op == "iota" or "int" in node.dtype):
                name, rank = (
                    ("mask off by one", 9)
                    if context.feeds_comparison(members[0]) and not _is_position(context, members[0])
                    else ("shifted index", 10)
                )
                yield Candidate(name, words, after(members, lambda x, n=amount: x + n), rank)
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
                    yield Candidate(
                        "shifted index",
                        f"{title(program, members)} from {start + amount} in place of {start}",
                        edit,
                        11,
                    )


def _is_position(context: Context, index: int) -> bool:
    return any(context.program.nodes[i].op in ("sin", "cos") for i in context.program.below({index}))


def paddings(context: Context) -> Iterator[Candidate]:
    program = context.program
    for members in groups(program, program.live):
        node = program.nodes[members[0]]
        if node.op != "pad":
            continue
        x, value, low, high = node.args
        for axis in range(len(low)):
            room = low[axis] + high[axis]
            for start in range(-1, room + 2):
                if start != low[axis] and (room or start in (-1, 1)):
                    new = (
                        tuple(start if a == axis else n for a, n in enumerate(low)),
                        tuple(room - start if a == axis else n for a, n in enumerate(high)),
                    )
                    words = f"{title(program, members)}: {start} before and {room - start} after along axis {axis}, in place of {low[axis]} and {high[axis]}"
                    yield Candidate(
                        "padding side",
                        words,
                        Edit({i: program.nodes[i].with_args(program.nodes[i].args[0], value, *new) for i in members}),
                        5,
                    )
        if tuple(low) != tuple(high):
            yield Candidate(
                "padding side",
                f"{title(program, members)}: before and after exchanged",
                Edit({i: program.nodes[i].with_args(program.nodes[i].args[0], value, high, low) for i in members}),
                5,
            )


def transposes(context: Context) -> Iterator[Candidate]:
    """Two axes of one size exchanged."""
    for members, shape in _tensors(context):
        for first, second in itertools.combinations(range(len(shape)), 2):
            if shape[first] == shape[second] > 1:
                words = f"{title(context.program, members)} with axes {first} and {second} exchanged"
                yield Candidate(
                    "transposed axes",
                    words,
                    after(members, lambda x, p=first, q=second: x.transpose(p, q)),
                    _input_first(context, members, 8),
                )


def permuted(context: Context) -> Iterator[Candidate]:
    """A reshape that reads or writes its elements in another order of axes."""
    program = context.program
    for members in groups(program, program.live):
        node = program.nodes[members[0]]
        if node.op != "reshape" or not node.operands:
            continue
        before = program.nodes[node.operands[0]].shape
        if len([s for s in before if s > 1]) == len([s for s in node.shape if s > 1]):
            continue
        for order in itertools.permutations(range(len(before))):
            if list(order) != sorted(order) and len(before) <= 5:
                edit = Edit({i: _reshaped(program.nodes[i], order, None) for i in members})
                yield Candidate(
                    "permuted axes", f"{title(program, members)} after axes {before} in the order {order}", edit, 9
                )
        for order in itertools.permutations(range(len(node.shape))):
            if list(order) != sorted(order) and len(node.shape) <= 5:
                edit = Edit({i: _reshaped(program.nodes[i], None, order) for i in members})
                yield Candidate(
                    "permuted axes", f"{title(program, members)} to {node.shape} filled in the order {order}", edit, 9
                )


def _reshaped(node: Any, before: Any, filled: Any) -> Any:
    from dataclasses import replace

    shape = node.shape

    def compute(x: Tensor, _shape: Any) -> Tensor:
        if before is not None:
            return x.permute(before).reshape(shape)
        back = [filled.index(axis) for axis in range(len(shape))]
        return x.reshape([shape[axis] for axis in filled]).permute(back)

    return replace(node, compute=compute)


def strided(x: Tensor, axis: int, parts: int) -> Tensor:
    """Elements 0, n, 2n, … first, then 1, n + 1, …: from interleaved to one part after the other."""
    return torch.cat([x[(slice(None),) * axis + (slice(start, None, parts),)] for start in range(parts)], axis)


def interleavings(context: Context) -> Iterator[Candidate]:
    """An axis regrouped: pairs (2i, 2i + 1) against pairs (i, i + n/2), and the like for other group sizes."""
    for members, shape in _tensors(context):
        for axis, size in enumerate(shape):
            for parts in range(2, size):
                if size % parts == 0:
                    words = f"{title(context.program, members)} with axis {axis} regrouped from {parts} parts to {size // parts}"
                    yield Candidate(
                        "permuted axes", words, after(members, lambda x, a=axis, n=parts: strided(x, a, n)), 12
                    )


def rope_pairings(context: Context) -> Iterator[Candidate]:
    """The same at two places: before and after a rotation, or on two factors of a product."""
    program = context.program
    if not context.has("sin", "cos"):
        return
    inputs = [i for i in program.inputs.values() if program.nodes[i].is_floating and len(program.nodes[i].shape) > 1]
    for parts in (2, 0):

        def regroup(x: Tensor, parts: int = parts) -> Tensor:
            return strided(x, x.ndim - 1, parts or x.shape[-1] // 2)

        def back(x: Tensor, parts: int = parts) -> Tensor:
            return strided(x, x.ndim - 1, x.shape[-1] // 2 if parts else 2)

        even = [i for i in inputs if program.nodes[i].shape[-1] % 2 == 0]
        order = "interleaved to half-split" if parts else "half-split to interleaved"
        for number in (2, 1, 3):
            for chosen in itertools.combinations(even, number):
                names = " and ".join(program.nodes[i].place for i in chosen)
                yield Candidate("rope pairing", f"last axis of {names} from {order}", after(chosen, regroup), 1)
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
                    edit = Edit(after={source: lambda x, _g, f=regroup: f(x), index: lambda x, _g, f=back: f(x)})
                    yield Candidate("rope pairing", f"between {other} and {node} from {order}", edit, 1)
