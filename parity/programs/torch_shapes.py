"""ATen operators that make, cut, join and rearrange tensors: name → function of a builder and their arguments."""

from __future__ import annotations

import math
from typing import Any

import torch

from parity.programs.builder import Builder
from parity.programs.jax_operations import Handler


def _view(b: Builder, x: Any, sizes: Any, **_: Any) -> Any:
    sizes = list(sizes)
    if -1 in sizes:
        rest = math.prod(s for s in sizes if s != -1)
        sizes[sizes.index(-1)] = math.prod(b.shape(x)) // rest
    return x if tuple(sizes) == b.shape(x) else b.add("reshape", x, tuple(sizes))


def _expand(b: Builder, x: Any, sizes: Any, **_: Any) -> Any:
    shape = b.shape(x)
    lead = len(sizes) - len(shape)
    sizes = tuple(shape[d - lead] if size == -1 else size for d, size in enumerate(sizes))
    return x if sizes == shape else b.add("broadcast", x, sizes, tuple(range(lead, len(sizes))))


def _unsqueeze(b: Builder, x: Any, dim: int) -> Any:
    shape = list(b.shape(x))
    shape.insert(dim % (len(shape) + 1), 1)
    return b.add("reshape", x, tuple(shape))


def _squeeze(b: Builder, x: Any, dim: Any = None) -> Any:
    shape = b.shape(x)
    gone = axes_of(b, x, dim)
    return b.add("reshape", x, tuple(s for d, s in enumerate(shape) if s != 1 or d not in gone))


def _permute(b: Builder, x: Any, dims: Any) -> Any:
    return b.add("permute", x, tuple(d % len(dims) for d in dims))


def _transpose(b: Builder, x: Any, first: int = 0, second: int = 1) -> Any:
    order = list(range(len(b.shape(x))))
    if order:
        order[first], order[second] = order[second], order[first]
    return b.add("permute", x, tuple(order)) if len(order) > 1 else x


def _slice(b: Builder, x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    size = b.shape(x)[dim]
    start, stop, _ = slice(start, end, step).indices(size)
    return x if (start, stop, step) == (0, size, 1) else b.add("slice", x, dim % len(b.shape(x)), start, stop, step)


def _select(b: Builder, x: Any, dim: int, index: int) -> Any:
    shape = b.shape(x)
    dim, index = dim % len(shape), index % shape[dim]
    return b.add(
        "reshape", b.add("slice", x, dim, index, index + 1, 1), tuple(s for d, s in enumerate(shape) if d != dim)
    )


def _split(b: Builder, x: Any, sizes: Any, dim: int = 0) -> list[Any]:
    total = b.shape(x)[dim]
    sizes = [min(sizes, total - s) for s in range(0, total, sizes)] if isinstance(sizes, int) else sizes
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    return [
        b.add("slice", x, dim % len(b.shape(x)), start, start + size, 1)
        for start, size in zip(starts, sizes, strict=True)
    ]


def _unbind(b: Builder, x: Any, dim: int = 0) -> list[Any]:
    return [_select(b, x, dim, index) for index in range(b.shape(x)[dim])]


def _stack(b: Builder, parts: Any, dim: int = 0) -> Any:
    rank = len(b.shape(parts[0])) + 1
    return b.add("concat", [_unsqueeze(b, part, dim % rank) for part in parts], dim % rank)


def _pad(b: Builder, x: Any, amounts: Any, value: Any = 0.0) -> Any:
    rank = len(b.shape(x))
    low, high = [0] * rank, [0] * rank
    for number in range(len(amounts) // 2):
        low[rank - 1 - number], high[rank - 1 - number] = amounts[2 * number], amounts[2 * number + 1]
    return b.add("pad", x, float(value or 0.0), tuple(low), tuple(high))


def _repeat(b: Builder, x: Any, times: Any) -> Any:
    shape = (1,) * (len(times) - len(b.shape(x))) + b.shape(x)
    pairs = tuple(n for repeat, size in zip(times, shape, strict=True) for n in (repeat, size))
    x = b.add("reshape", x, tuple(n for size in shape for n in (1, size)))
    x = b.add("broadcast", x, pairs, tuple(range(len(pairs))))
    return b.add("reshape", x, tuple(r * s for r, s in zip(times, shape, strict=True)))


def _arange(b: Builder, *bounds: Any, dtype: Any = None, **_: Any) -> Any:
    start, stop, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    value = torch.arange(start, stop, step, dtype=dtype)
    return b.add("iota", value.dtype, start, value.numel(), step)


def _full(b: Builder, shape: Any, value: Any, *, dtype: Any = None, **_: Any) -> Any:
    made = torch.full((), value, dtype=dtype)
    return b.add("fill", value, tuple(shape), made.dtype) if shape else made.item()


def _filled(number: float) -> Handler:
    return lambda b, shape, dtype=None, **_: _full(b, shape, number, dtype=dtype or torch.get_default_dtype())


def _filled_like(number: float | None) -> Handler:
    def handle(b: Builder, x: Any, value: Any = number, *, dtype: Any = None, **_: Any) -> Any:
        return _full(b, b.shape(x), value, dtype=dtype or b.value(x).dtype)

    return handle


def _triangle(upper: bool) -> Handler:
    return lambda b, x, diagonal=0: b.add("triangle", x, diagonal, upper)


def _index(b: Builder, x: Any, indices: Any) -> Any:
    return b.call(
        "index", lambda v, places: v[tuple(slice(None) if p is None else p for p in places)], x, list(indices)
    )


def _same(_b: Builder, x: Any, *_: Any, **__: Any) -> Any:
    return x


def axes_of(b: Builder, x: Any, dim: Any) -> tuple[int, ...]:
    """The axes that an operator means by `dim`, counted from the front: all for none."""
    rank = len(b.shape(x))
    if dim is None or (isinstance(dim, (list, tuple)) and not dim):
        return tuple(range(rank))
    return tuple(d % rank for d in (dim if isinstance(dim, (list, tuple)) else [dim])) if rank else ()


def convert(b: Builder, x: Any, dtype: Any) -> Any:
    """`x` in a dtype; as it is for None."""
    value = b.value(x)
    if dtype is None or (isinstance(value, torch.Tensor) and value.dtype == dtype):
        return x
    return b.add("convert", x, dtype)


HANDLERS: dict[str, Handler] = {
    "clone": _same, "alias": _same, "lift_fresh": _same, "contiguous": _same, "lift_fresh_copy": _same,
    "view": _view, "reshape": _view, "_unsafe_view": _view, "_reshape_alias": _view,
    "expand": _expand, "unsqueeze": _unsqueeze, "squeeze": _squeeze, "permute": _permute, "transpose": _transpose,
    "t": _transpose, "slice": _slice, "select": _select, "split": _split, "split_with_sizes": _split,
    "unsafe_split": _split, "unbind": _unbind, "stack": _stack,
    "cat": lambda b, parts, dim=0: b.add("concat", list(parts), dim % max(len(b.shape(parts[0])), 1)),
    "flip": lambda b, x, dims: b.add("flip", x, tuple(d % len(b.shape(x)) for d in dims)), "constant_pad_nd": _pad,
    "arange": _arange, "full": _full, "ones": _filled(1.0), "zeros": _filled(0.0), "ones_like": _filled_like(1.0),
    "zeros_like": _filled_like(0.0), "full_like": _filled_like(None), "scalar_tensor": lambda b, value, **_: value,
    "new_zeros": lambda b, x, shape, dtype=None, **_: _full(b, shape, 0.0, dtype=dtype or b.value(x).dtype),
    "new_ones": lambda b, x, shape, dtype=None, **_: _full(b, shape, 1.0, dtype=dtype or b.value(x).dtype),
    "new_full": lambda b, x, shape, value, dtype=None, **_: _full(b, shape, value, dtype=dtype or b.value(x).dtype),
    "repeat": _repeat, "tril": _triangle(False), "triu": _triangle(True), "index": _index,
    "embedding": lambda b, table, places, *_: _index(b, table, [places]),
    "_to_copy": lambda b, x, *, dtype=None, **_: convert(b, x, dtype),
}  # fmt: skip
