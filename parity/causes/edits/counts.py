"""What a sum is divided by: all elements, or those that a mask counts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from parity.causes.constants import close
from parity.causes.context import Context, literals_of
from parity.causes.hypothesis import Hypothesis
from parity.programs.interpreter import Interpreter
from parity.programs.program import Edit


def counted(context: Context, interpreter: Interpreter) -> Iterator[Hypothesis]:
    """A mean over everything as a mean over what a mask counts; the search for the other side finds the reverse."""
    program = context.program
    masks = [i for i in program.live if _is_mask(program.nodes[i].dtype, interpreter.value(i))]
    for index in program.live:
        node = program.nodes[index]
        if node.op not in ("div", "mul") or not node.operands or not context.is_sum(node.operands[0]):
            continue
        for number in literals_of(node):
            for mask in masks:
                size = math.prod(program.nodes[mask].shape)
                if close(abs(number), size if node.op == "div" else 1 / size):
                    change = f"{node}: divided by the sum of {program.nodes[mask]} in place of its {size} elements"
                    edit = Edit(after={index: _by_count(mask, size)})
                    yield Hypothesis("mean over counted elements", change, edit, 1.5)


def _is_mask(dtype: str, value: Any) -> bool:
    if not dtype or value.ndim == 0 or value.numel() < 2:
        return False
    return dtype == "bool" or bool(((value == 0) | (value == 1)).all() and value.any())


def _by_count(mask: int, size: int) -> Callable[..., Any]:
    return lambda value, get: value * (size / get(mask).to(value.dtype).sum())
