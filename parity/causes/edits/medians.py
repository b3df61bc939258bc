"""Which number is the median of an even count: the lower of the middle two, or their mean."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from parity.causes.context import Context
from parity.causes.hypothesis import Hypothesis
from parity.programs.interpreter import Interpreter
from parity.programs.program import Edit

_REACH = 40  # jnp.median is a sort, two look-ups and a mean


def medians(context: Context, interpreter: Interpreter) -> Iterator[Hypothesis]:
    """What gives one median on the given inputs, replaced by the other."""
    program = context.program
    if not any("sort" in program.nodes[i].op or "median" in program.nodes[i].op for i in program.live):
        return
    for index in program.live:
        node, value = program.nodes[index], interpreter.value(index)
        if not node.is_floating or node.op == "input":
            continue
        for source in program.above(index, _REACH):
            parent = program.nodes[source]
            if not parent.is_floating or len(parent.shape) < 1 or parent.op == "sort":
                continue
            whole = interpreter.value(source)
            for axis in (*range(whole.ndim), None):
                count = whole.numel() if axis is None else whole.shape[axis]
                if count < 2 or count % 2 or whole.numel() != value.numel() * count:
                    continue
                for is_mean in (True, False):
                    if torch.equal(_median(whole, axis, is_mean).reshape(value.shape), value):
                        which = "the lower of the middle two" if is_mean else "the mean of the middle two"
                        edit = Edit(after={index: _other(source, axis, not is_mean)})
                        yield Hypothesis("median of an even count", f"{node} as {which}", edit, 2)


def _median(x: Tensor, axis: int | None, is_mean: bool) -> Tensor:
    ordered = x.flatten().sort().values if axis is None else x.movedim(axis, -1).sort(-1).values
    half = ordered.shape[-1] // 2
    low, high = ordered[..., half - 1], ordered[..., half]
    return (low + high) / 2 if is_mean else low


def _other(source: int, axis: int | None, is_mean: bool):  # type: ignore[no-untyped-def]
    return lambda value, get: _median(get(source), axis, is_mean).reshape(value.shape)
