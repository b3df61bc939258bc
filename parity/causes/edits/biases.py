"""A part of a bias that is not added."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from torch import Tensor

from parity.causes.context import Context
from parity.causes.hypothesis import Hypothesis
from parity.programs.program import Edit

_EVERY_PART = 12  # up to so many elements every stretch is tried, beyond it halves, thirds and quarters


def slices(context: Context) -> Iterator[Hypothesis]:
    """One stretch of a vector left out: the part of one gate, or of one of query, key and value."""
    program = context.program
    for name, index in program.inputs.items():
        node = program.nodes[index]
        if not node.is_floating or len(node.shape) != 1 or node.shape[0] < 2:
            continue
        size = node.shape[0]
        for start, stop in _stretches(size):
            change = f"without elements {start} to {stop - 1} of {size} of {name}"
            edit = Edit.mapped((index,), partial(_without, start=start, stop=stop))
            kind = "missing bias" if _is_added(context, index) else "missing term"
            yield Hypothesis(kind, change, edit, 4.5 if kind == "missing bias" else 26)


def _stretches(size: int) -> list[tuple[int, int]]:
    if size <= _EVERY_PART:
        every = [(a, b) for a in range(size) for b in range(a + 1, size + 1) if b - a < size]
        return sorted(every, key=lambda pair: pair[0] - pair[1])
    parts = [(size // n * k, size // n * (k + 1)) for n in (2, 3, 4) if size % n == 0 for k in range(n)]
    return parts + [(a, b) for n in (3, 4) if size % n == 0 for k in range(n - 1) for a, b in [_pair(size, n, k)]]


def _pair(size: int, parts: int, first: int) -> tuple[int, int]:
    return size // parts * first, size // parts * (first + 2)


def _is_added(context: Context, index: int) -> bool:
    carriers = {"reshape", "broadcast", "slice", "permute", "item", "split"}
    return any(context.program.nodes[user].op in ("add", "addmm") for user, _ in context.users(index, carriers, 24))


def _without(value: Tensor, start: int, stop: int) -> Tensor:
    kept = value.new_ones(value.shape)
    kept[start:stop] = 0
    return value * kept
