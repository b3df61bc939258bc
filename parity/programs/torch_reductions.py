"""ATen operators that sum: reductions, windows, products, convolutions: name → function of a builder and their arguments."""

from __future__ import annotations

import math
from typing import Any

import torch

from parity.programs.builder import Builder
from parity.programs.jax_operations import Handler
from parity.programs.operations import count
from parity.programs.program import Ref
from parity.programs.torch_shapes import axes_of, convert


def _keep(b: Builder, reduced: Any, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
    if not keepdim:
        return reduced
    return b.add("reshape", reduced, tuple(1 if d in dims else size for d, size in enumerate(b.shape(x))))


def _reduce(op: str) -> Handler:
    def handle(b: Builder, x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
        x = x if dtype is None else convert(b, x, dtype)
        dims = axes_of(b, x, dim)
        return _keep(b, b.add(op, x, dims), x, dims, keepdim)

    return handle


def _mean(b: Builder, x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    x = x if dtype is None else convert(b, x, dtype)
    dims = axes_of(b, x, dim)
    return _keep(b, b.mean(x, dims), x, dims, keepdim)


def _spread(root: bool, with_mean: bool) -> Handler:
    def handle(
        b: Builder, x: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
    ) -> Any:
        if isinstance(dim, bool):  # var(x, unbiased)
            dim, unbiased = None, dim
        correction = (1 if unbiased in (None, True) else 0) if correction is None else correction
        dims = axes_of(b, x, dim)
        mean = _keep(b, b.mean(x, dims), x, dims, True)
        centred = b.add("sub", x, mean)
        total = b.add("sum", b.add("mul", centred, centred), dims)
        variance = b.add("div", total, float(count(b.shape(x), dims) - correction))
        result = _keep(b, b.add("sqrt", variance) if root else variance, x, dims, keepdim)
        if not with_mean:
            return result
        return [result, mean if keepdim else b.add("reshape", mean, b.shape(variance))]

    return handle


def _max(op: str, arg: str) -> Handler:
    def handle(b: Builder, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if dim is None:
            return b.add(op, x, axes_of(b, x, None))
        if isinstance(dim, Ref):
            return b.add(op.removeprefix("a"), x, dim)
        shape = b.shape(x)
        dim %= len(shape)
        kept = tuple(1 if d == dim else size for d, size in enumerate(shape))
        index = b.add("reshape", b.add(arg, x, dim), kept)
        picked = b.call("gather", lambda v, i, d: torch.gather(v, d, i), x, index, dim)
        final = kept if keepdim else kept[:dim] + kept[dim + 1 :]
        return [b.add("reshape", picked, final), b.add("reshape", index, final)]

    return handle


def _pool(op: str, empty: float) -> Handler:
    def handle(b: Builder, x: Any, size: Any, stride: Any = (), padding: Any = (0,), *rest: Any, **_: Any) -> Any:
        rank, lead = len(size), len(b.shape(x)) - len(size)
        padding = tuple(padding) * (rank if len(padding) == 1 else 1)
        if any(padding):
            x = b.add("pad", x, empty, (0,) * lead + padding, (0,) * lead + padding)
        sizes, strides = (1,) * lead + tuple(size), (1,) * lead + tuple(stride or size)
        return b.add(op, x, sizes, strides)

    return handle


def _max_pool(
    b: Builder, x: Any, size: Any, stride: Any = (), padding: Any = (0,), dilation: Any = (1,), ceil: bool = False
) -> Any:
    if ceil or any(d != 1 for d in dilation):
        raise NotImplementedError("a dilated pool")
    pooled = _pool("window_max", float("-inf"))(b, x, size, stride, padding)
    return [pooled, 0]


def _average_pool(
    b: Builder,
    x: Any,
    size: Any,
    stride: Any = (),
    padding: Any = (0,),
    ceil: bool = False,
    padded: bool = True,
    divisor: Any = None,
) -> Any:
    if ceil:
        raise NotImplementedError("a pool that rounds up")
    total = _pool("window_sum", 0.0)(b, x, size, stride, padding)
    if padded or divisor or not any(padding):
        return b.add("div", total, float(divisor or math.prod(size)))
    ones = b.add("fill", 1.0, b.shape(x), b.value(x).dtype)
    return b.add("div", total, _pool("window_sum", 0.0)(b, ones, size, stride, padding))


def _cumulative(op: str) -> Handler:
    return lambda b, x, dim, **_: b.add(op, x, dim % max(len(b.shape(x)), 1), False)


def _mm(b: Builder, x: Any, y: Any) -> Any:
    return b.add("dot", x, y, ((len(b.shape(x)) - 1,), (0,)), ((), ()))


def _bmm(b: Builder, x: Any, y: Any) -> Any:
    return b.add("dot", x, y, ((2,), (1,)), ((0,), (0,)))


def _turned(kernel: torch.Tensor, groups: int) -> torch.Tensor:
    """The kernel of a transposed convolution as that of the convolution of a spread image: turned round, outputs first."""
    parts = kernel.reshape(groups, -1, *kernel.shape[1:]).transpose(1, 2)
    return parts.reshape(-1, parts.shape[2], *kernel.shape[2:]).flip(tuple(range(2, kernel.ndim)))


def _convolution(
    b: Builder,
    x: Any,
    kernel: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Any:
    if transposed:
        kernel = b.call("reshape", _turned, kernel, groups)
        spread = [d * (size - 1) for d, size in zip(dilation, b.shape(kernel)[2:], strict=True)]
        low = [s - p for s, p in zip(spread, padding, strict=True)]
        high = [first + extra for first, extra in zip(low, output_padding, strict=True)]
        x = b.add("pad", b.add("dilate", x, tuple(stride)), 0.0, (0, 0, *low), (0, 0, *high))
        stride, padding = [1] * len(low), [0] * len(low)
    if any(padding):
        x = b.add("pad", x, 0.0, (0, 0, *padding), (0, 0, *padding))
    out = b.add("convolution", x, kernel, tuple(stride), tuple(dilation), groups)
    if bias is None:
        return out
    return b.add("add", out, b.add("reshape", bias, (1, -1, *[1] * (len(b.shape(out)) - 2))))


HANDLERS: dict[str, Handler] = {
    "sum": _reduce("sum"), "amax": _reduce("amax"), "amin": _reduce("amin"), "mean": _mean,
    "var": _spread(False, False), "std": _spread(True, False), "var_mean": _spread(False, True), "std_mean": _spread(True, True),
    "max": _max("amax", "argmax"), "min": _max("amin", "argmin"),
    "mm": _mm, "bmm": _bmm, "mv": _mm, "dot": _mm, "convolution": _convolution,
    "max_pool2d_with_indices": _max_pool, "avg_pool2d": _average_pool,
    "cumsum": _cumulative("cumsum"), "cumprod": _cumulative("cumprod"),
}  # fmt: skip
