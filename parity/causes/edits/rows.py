"""Rows that are treated apart: those in which a mask leaves nothing, and the row of a table that stands for padding."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from parity.causes.context import Context
from parity.causes.edits.sites import title
from parity.causes.hypothesis import Hypothesis
from parity.programs.interpreter import Interpreter
from parity.programs.program import Edit

_KINDS = {"bool", "float64"}
_MOST = 16  # rows of a table that are tried


def fully_masked(context: Context, interpreter: Interpreter) -> Iterator[Hypothesis]:
    """Zeros in the rows in which a mask leaves nothing."""
    program = context.program
    seen: list[Tensor] = []
    for index in program.live:
        mask = interpreter.value(index)
        if program.nodes[index].dtype != "bool" or mask.ndim < 2:
            continue
        for kept in (mask.any(-1, keepdim=True), (~mask).any(-1, keepdim=True)):
            if kept.all() or not kept.any() or any(torch.equal(kept, other) for other in seen):
                continue
            seen.append(kept)
            count = int((~kept).sum())
            for target in program.live:
                node = program.nodes[target]
                if node.op not in ("div", "dot", "where", "mul", "permute") or not node.is_floating:
                    continue
                if not _fits(tuple(kept.shape), node.shape):
                    continue
                change = (
                    f"{title(program, (target,))} zero in {count} rows in which {program.nodes[index]} leaves nothing"
                )
                edit = Edit.mapped((target,), partial(_zeroed, kept=kept))
                yield Hypothesis("fully masked rows", change, edit, 2)


def _fits(rows: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    rows = rows[len(rows) - len(shape) :] if set(rows[: max(0, len(rows) - len(shape))]) <= {1} else rows
    if len(rows) > len(shape):
        return False
    return len(shape) > 1 and all(a in (1, b) for a, b in zip(reversed(rows), reversed(shape), strict=False))


def _zeroed(value: Tensor, kept: Tensor) -> Tensor:
    while kept.ndim > value.ndim:
        kept = kept[0]
    return torch.where(kept, value, torch.zeros_like(value))


def paddings(context: Context, interpreter: Interpreter) -> Iterator[Hypothesis]:
    """No gradient to one row of a table that is looked up: `padding_idx`."""
    program = context.program
    indices = [i for i in program.inputs.values() if "int" in program.nodes[i].dtype]
    numbers = sorted({int(n) for i in indices for n in interpreter.value(i).unique()[:_MOST]})
    for name, index in program.inputs.items():
        node = program.nodes[index]
        if not node.is_floating or len(node.shape) < 2:
            continue
        for number in numbers:
            if -node.shape[0] <= number < node.shape[0]:
                edit = Edit.mapped((index,), partial(_without_gradient, row=number))
                change = f"no gradient to row {number} of {name}, as padding_idx={number} gives none"
                yield Hypothesis("padding_idx", change, edit, 0.5)


def _without_gradient(table: Tensor, row: int) -> Tensor:
    chosen = torch.zeros(table.shape[0], dtype=torch.bool)
    chosen[row] = True
    return torch.where(chosen.reshape(-1, *[1] * (table.ndim - 1)), table.detach(), table)
