"""The operations of programs, in torch: one name and one meaning for both frameworks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

INTEGERS = {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}


def _tensor(value: Any, like: Any = None) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (bool, complex)):
        return torch.tensor(value)
    dtype = like.dtype if isinstance(like, Tensor) and (like.is_floating_point() or isinstance(value, int)) else None
    if dtype == torch.bool:
        dtype = None
    return torch.tensor(value, dtype=dtype or (torch.float64 if isinstance(value, float) else torch.int64))


def _both(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Any, y: Any) -> Any:
        return function(_tensor(x, y), _tensor(y, x))

    return call


def _divide(x: Any, y: Any) -> Any:
    x, y = _tensor(x, y), _tensor(y, x)
    if x.dtype in INTEGERS and y.dtype in INTEGERS:
        return torch.div(x, y, rounding_mode="trunc")
    return x / y


def _one(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: function(_tensor(x))


def _power(x: Any, y: Any) -> Any:
    return torch.pow(x if isinstance(x, Tensor) else _tensor(x, y), y)


def _reduced(function: Callable[..., Tensor]) -> Callable[..., Any]:
    def call(x: Any, dims: Sequence[int]) -> Any:
        return function(x, tuple(dims)) if dims else x

    return call


def _one_by_one(function: Callable[..., Tensor]) -> Callable[..., Any]:
    def call(x: Tensor, dims: Sequence[int]) -> Tensor:
        for dim in sorted(dims, reverse=True):
            x = function(x, dim)
        return x

    return call


def _dot(x: Any, y: Any, contract: Any, batch: Any) -> Any:
    """XLA's dot: batch axes, then free axes of `x`, then free axes of `y`."""
    (cx, cy), (bx, by) = contract, batch
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    names_x = [next(letters) for _ in range(x.ndim)]
    names_y = [next(letters) for _ in range(y.ndim)]
    for i, j in (*zip(cx, cy, strict=True), *zip(bx, by, strict=True)):
        names_y[j] = names_x[i]
    free_x = [name for i, name in enumerate(names_x) if i not in (*cx, *bx)]
    free_y = [name for j, name in enumerate(names_y) if j not in (*cy, *by)]
    out = [names_x[i] for i in bx] + free_x + free_y
    common = torch.promote_types(x.dtype, y.dtype)
    return torch.einsum(f"{''.join(names_x)},{''.join(names_y)}->{''.join(out)}", x.to(common), y.to(common))


def _broadcast(x: Any, shape: Sequence[int], dims: Sequence[int]) -> Any:
    x = _tensor(x)
    sizes = [1] * len(shape)
    for axis, dim in enumerate(dims):
        sizes[dim] = x.shape[axis]
    return x.reshape(sizes).expand(tuple(shape))


def _slice(x: Tensor, axis: int, start: int, stop: int, step: int) -> Tensor:
    return x[(slice(None),) * axis + (slice(start, stop, step),)]


def _pad(x: Any, value: Any, low: Sequence[int], high: Sequence[int]) -> Any:
    """Negative amounts cut."""
    pairs = [amount for lo, hi in zip(reversed(low), reversed(high), strict=True) for amount in (lo, hi)]
    value = value.item() if isinstance(value, Tensor) else value
    value = value.real if isinstance(value, complex) and not value.imag else value
    return torch.nn.functional.pad(x, pairs, value=value)


def _iota(dtype: Any, start: Any, size: int, step: Any) -> Tensor:
    return (start + step * torch.arange(size, dtype=torch.float64)).to(dtype)


def _dilate(x: Tensor, steps: Sequence[int]) -> Tensor:
    """Zeros between neighbours of the last axes: every n-th element is one of `x`."""
    first = x.ndim - len(steps)
    sizes = [(size - 1) * step + 1 for size, step in zip(x.shape[first:], steps, strict=True)]
    spread = x.new_zeros(*x.shape[:first], *sizes)
    places: tuple[Any, ...] = (..., *(slice(None, None, step) for step in steps))
    spread[places] = x
    return spread


def _convolution(x: Tensor, kernel: Tensor, stride: Any, dilation: Any, groups: int) -> Tensor:
    """[N, C, …] by [O, C, …], without padding."""
    function = {1: torch.conv1d, 2: torch.conv2d, 3: torch.conv3d}[x.ndim - 2]
    return function(x, kernel, None, tuple(stride), 0, tuple(dilation), groups)


def _windows(x: Tensor, sizes: Sequence[int], strides: Sequence[int]) -> Tensor:
    for axis, (size, stride) in enumerate(zip(sizes, strides, strict=True)):
        x = x.unfold(axis, size, stride)
    return x


def _window(reduce: Callable[..., Tensor]) -> Callable[..., Any]:
    def call(x: Tensor, sizes: Sequence[int], strides: Sequence[int]) -> Tensor:
        return reduce(_windows(x, sizes, strides), tuple(range(x.ndim, 2 * x.ndim)))

    return call


def _cumulative(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Tensor, axis: int, reverse: bool) -> Tensor:
        x = x.flip(axis) if reverse else x
        result = function(x, axis)
        result = result if isinstance(result, Tensor) else result[0]
        return result.flip(axis) if reverse else result

    return call


def _first_largest(x: Tensor, dims: Sequence[int]) -> Tensor:
    """The gradient goes to the first of several largest elements."""
    flat = x.flatten(dims[0])
    return torch.gather(flat, -1, flat.argmax(-1, keepdim=True)).squeeze(-1)


def _clamp(x: Any, low: Any, high: Any) -> Any:
    low, high = (None if v is None else _tensor(v, x) for v in (low, high))
    return torch.clamp(x, low, high)


UNARY: dict[str, Callable[..., Any]] = {
    "neg": torch.neg, "exp": torch.exp, "exp2": torch.exp2, "expm1": torch.expm1, "log": torch.log,
    "log1p": torch.log1p, "log2": torch.log2, "tanh": torch.tanh, "sin": torch.sin, "cos": torch.cos, "tan": torch.tan,
    "asin": torch.asin, "acos": torch.acos, "atan": torch.atan, "sinh": torch.sinh, "cosh": torch.cosh,
    "sqrt": torch.sqrt, "sigmoid": torch.sigmoid, "erf": torch.erf, "erfc": torch.special.erfc, "erf_inv": torch.erfinv,
    "abs": torch.abs, "sign": torch.sgn, "floor": torch.floor, "ceil": torch.ceil, "round": torch.round,
    "is_finite": torch.isfinite, "not": torch.bitwise_not, "relu": torch.relu,
    "real": torch.real, "imag": torch.imag, "conj": torch.conj_physical,
}  # fmt: skip
UNARY = {name: _one(function) for name, function in UNARY.items()}
BINARY: dict[str, Callable[..., Any]] = {
    "add": _both(torch.add), "sub": _both(torch.sub), "mul": _both(torch.mul), "div": _divide, "pow": _power,
    "max": _both(torch.maximum), "min": _both(torch.minimum), "rem": _both(torch.fmod), "atan2": _both(torch.atan2),
    "complex": _both(torch.complex),
    "and": _both(torch.bitwise_and), "or": _both(torch.bitwise_or), "xor": _both(torch.bitwise_xor),
    "eq": _both(torch.eq), "ne": _both(torch.ne), "lt": _both(torch.lt), "le": _both(torch.le),
    "gt": _both(torch.gt), "ge": _both(torch.ge),
}  # fmt: skip
SHAPE: dict[str, Callable[..., Any]] = {
    "reshape": lambda x, shape: _tensor(x).reshape(tuple(shape)),
    "permute": lambda x, axes: x.permute(tuple(axes)),
    "flip": lambda x, axes: x.flip(tuple(axes)),
    "broadcast": _broadcast,
    "slice": _slice,
    "concat": lambda parts, axis: torch.cat(list(parts), axis),
    "pad": _pad,
}
TABLE: dict[str, Callable[..., Any]] = {
    **UNARY, **BINARY, **SHAPE,
    "detach": lambda x: torch.as_tensor(x).detach(),
    "convert": lambda x, dtype: _tensor(x).to(dtype),
    "where": lambda which, x, y: torch.where(_tensor(which), _tensor(x, y), _tensor(y, x)),
    "clamp": _clamp,
    "sum": _reduced(torch.sum), "amax": _reduced(torch.amax), "amin": _reduced(torch.amin), "prod": _one_by_one(torch.prod),
    "all": _one_by_one(torch.all), "any": _one_by_one(torch.any),
    "argmax": lambda x, axis: x.argmax(axis), "argmin": lambda x, axis: x.argmin(axis),
    "cumsum": _cumulative(torch.cumsum), "cumprod": _cumulative(torch.cumprod), "cummax": _cumulative(torch.cummax),
    "dot": _dot, "convolution": _convolution, "dilate": _dilate,
    "window_sum": _window(torch.sum), "window_max": _window(_first_largest),
    "iota": _iota, "fill": lambda value, shape, dtype: torch.full(tuple(shape), value, dtype=dtype),
    "constant": lambda value: value,
    "item": lambda values, number: values[number],
    "triangle": lambda x, diagonal, upper: torch.triu(x, diagonal) if upper else torch.tril(x, diagonal),
}  # fmt: skip
ELEMENTWISE = {*UNARY, *BINARY, "where", "clamp", "convert", "detach"}
REDUCTIONS = ("sum", "amax", "amin", "prod")


def count(shape: Sequence[int], dims: Sequence[int]) -> int:
    """How many elements a reduction over `dims` takes together."""
    return math.prod(shape[dim] for dim in dims)
