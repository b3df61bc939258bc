"""ATen operators that make, cut, join and rearrange tensors."""

from __future__ import annotations

import math
from typing import Any

import torch

from parity.programs.builder import Builder
from parity.programs.jax_operations import Handler


def shape(b: Builder, x: Any, sizes: Any, **_: Any) -> Any:
    sizes = list(sizes)
    if -1 in sizes:
        rest = math.prod(s for s in sizes if s != -1)
        sizes[sizes.index(-1)] = math.prod(b.shape(x)) // rest
    return x if tuple(sizes) == b.shape(x) else b.add("reshape", x, tuple(sizes))


def expand(b: Builder, x: Any, sizes: Any, **_: Any) -> Any:
    shape = b.shape(x)
    lead = len(sizes) - len(shape)
    sizes = tuple(shape[d - lead] if size == -1 else size for d, size in enumerate(sizes))
    return x if sizes == shape else b.add("broadcast", x, sizes, tuple(range(lead, len(sizes))))


def unsqueeze(b: Builder, x: Any, dim: int) -> Any:
    shape = list(b.shape(x))
    shape.insert(dim % (len(shape) + 1), 1)
    return b.add("reshape", x, tuple(shape))


def squeeze(b: Builder, x: Any, dim: Any = None) -> Any:
    shape = b.shape(x)
    gone = axes_of(b, x, dim)
    return b.add("reshape", x, tuple(s for d, s in enumerate(shape) if s != 1 or d not in gone))


def permute(b: Builder, x: Any, dims: Any) -> Any:
    return b.add("permute", x, tuple(d % len(dims) for d in dims))


def transpose(b: Builder, x: Any, first: int = 0, second: int = 1) -> Any:
    order = list(range(len(b.shape(x))))
    if order:
        order[first], order[second] = order[second], order[first]
    return b.add("permute", x, tuple(order)) if len(order) > 1 else x


def slice_(b: Builder, x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    size = b.shape(x)[dim]
    start, stop, _ = slice(start, end, step).indices(size)
    return x if (start, stop, step) == (0, size, 1) else b.add("slice", x, dim % len(b.shape(x)), start, stop, step)


def select(b: Builder, x: Any, dim: int, index: int) -> Any:
    shape = b.shape(x)
    dim, index = dim % len(shape), index % shape[dim]
    return b.add(
        "reshape", b.add("slice", x, dim, index, index + 1, 1), tuple(s for d, s in enumerate(shape) if d != dim)
    )


def split(b: Builder, x: Any, sizes: Any, dim: int = 0) -> list[Any]:
    total = b.shape(x)[dim]
    sizes = [min(sizes, total - s) for s in range(0, total, sizes)] if isinstance(sizes, int) else sizes
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    return [
        b.add("slice", x, dim % len(b.shape(x)), start, start + size, 1)
        for start, size in zip(starts, sizes, strict=True)
    ]


def unbind(b: Builder, x: Any, dim: int = 0) -> list[Any]:
    return [select(b, x, dim, index) for index in range(b.shape(x)[dim])]


def stack(b: Builder, parts: Any, dim: int = 0) -> Any:
    rank = len(b.shape(parts[0])) + 1
    return b.add("concat", [unsqueeze(b, part, dim % rank) for part in parts], dim % rank)


def pad(b: Builder, x: Any, amounts: Any, value: Any = 0.0) -> Any:
    rank = len(b.shape(x))
    low, high = [0] * rank, [0] * rank
    for number in range(len(amounts) // 2):
        low[rank - 1 - number], high[rank - 1 - number] = amounts[2 * number], amounts[2 * number + 1]
    return b.add("pad", x, float(value or 0.0), tuple(low), tuple(high))


def repeat(b: Builder, x: Any, times: Any) -> Any:
    shape = (1,) * (len(times) - len(b.shape(x))) + b.shape(x)
    pairs = tuple(n for repeat, size in zip(times, shape, strict=True) for n in (repeat, size))
    x = b.add("reshape", x, tuple(n for size in shape for n in (1, size)))
    x = b.add("broadcast", x, pairs, tuple(range(len(pairs))))
    return b.add("reshape", x, tuple(r * s for r, s in zip(times, shape, strict=True)))


def arange(b: Builder, *bounds: Any, dtype: Any = None, **_: Any) -> Any:
    start, stop, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    value = torch.arange(start, stop, step, dtype=dtype)
    return b.add("iota", value.dtype, start, value.numel(), step)


def full(b: Builder, shape: Any, value: Any, *, dtype: Any = None, **_: Any) -> Any:
    made = torch.full((), value, dtype=dtype)
    return b.add("fill", value, tuple(shape), made.dtype) if shape else made.item()


def filled_(number: float) -> Handler:
    return lambda b, shape, dtype=None, **_: full(b, shape, number, dtype=dtype or torch.get_default_dtype())


def filled_like_(number: float | None) -> Handler:
    def handle(b: Builder, x: Any, value: Any = number, *, dtype: Any = None, **_: Any) -> Any:
        return full(b, b.shape(x), value, dtype=dtype or b.value(x).dtype)

    return handle


def triangle(upper: bool) -> Handler:
    return lambda b, x, diagonal=0: b.add("triangle", x, diagonal, upper)


def index(b: Builder, x: Any, indices: Any) -> Any:
    return b.call(
        "index", lambda v, places: v[tuple(slice(None) if p is None else p for p in places)], x, list(indices)
    )


def same(_b: Builder, x: Any, *_: Any, **__: Any) -> Any:
    return x


def axes_of(b: Builder, x: Any, dim: Any) -> tuple[int, ...]:
    rank = len(b.shape(x))
    if dim is None or (isinstance(dim, (list, tuple)) and not dim):
        return tuple(range(rank))
    return tuple(d % rank for d in (dim if isinstance(dim, (list, tuple)) else [dim])) if rank else ()


def convert(b: Builder, x: Any, dtype: Any) -> Any:
    value = b.value(x)
    if dtype is None or (isinstance(value, torch.Tensor) and value.dtype == dtype):
        return x
    return b.add("convert", x, dtype)
