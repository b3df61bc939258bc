"""ATen operators in the operations of programs: name → function of a builder and the operator's own arguments."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from parity.causes.programs.builder import Builder
from parity.causes.programs.jax_operations import power
from parity.causes.programs.operations import BINARY, UNARY, count
from parity.causes.programs.program import Ref

Handler = Callable[..., Any]
# Opened by torch's own decompositions.
DECOMPOSED = {
    "native_layer_norm", "native_group_norm", "native_batch_norm", "_native_batch_norm_legit",
    "_native_batch_norm_legit_functional", "_native_batch_norm_legit_no_training", "_softmax", "_log_softmax", "gelu",
    "silu", "addmm", "baddbmm", "addbmm", "addmv", "addcmul", "addcdiv", "_safe_softmax", "mse_loss", "smooth_l1_loss",
    "huber_loss", "nll_loss_forward", "binary_cross_entropy", "elu", "leaky_relu", "softplus", "logaddexp",
    "linalg_vector_norm", "norm", "hardswish", "mish", "glu", "log_sigmoid_forward", "xlogy", "logsumexp", "hardsigmoid",
    "_fused_rms_norm", "binary_cross_entropy_with_logits", "upsample_nearest2d",
}  # fmt: skip
_UNARY = {"reciprocal": None, "erfinv": "erf_inv", "isfinite": "is_finite", "bitwise_not": "not", "logical_not": "not"}
_BINARY = {
    "maximum": "max", "minimum": "min", "fmod": "rem", "atan2": "atan2", "bitwise_and": "and", "bitwise_or": "or",
    "bitwise_xor": "xor", "logical_and": "and", "logical_or": "or", "logical_xor": "xor",
}  # fmt: skip


def _dims(b: Builder, x: Any, dim: Any) -> tuple[int, ...]:
    rank = len(b.shape(x))
    if dim is None or (isinstance(dim, (list, tuple)) and not dim):
        return tuple(range(rank))
    return tuple(d % rank for d in (dim if isinstance(dim, (list, tuple)) else [dim])) if rank else ()


def _keep(b: Builder, reduced: Any, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
    if not keepdim:
        return reduced
    return b.add("reshape", reduced, tuple(1 if d in dims else size for d, size in enumerate(b.shape(x))))


def _reduce(op: str) -> Handler:
    def handle(b: Builder, x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
        x = x if dtype is None else convert(b, x, dtype)
        dims = _dims(b, x, dim)
        return _keep(b, b.add(op, x, dims), x, dims, keepdim)

    return handle


def _mean(b: Builder, x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    x = x if dtype is None else convert(b, x, dtype)
    dims = _dims(b, x, dim)
    return _keep(b, b.mean(x, dims), x, dims, keepdim)


def _spread(root: bool, with_mean: bool) -> Handler:
    def handle(
        b: Builder, x: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
    ) -> Any:
        if isinstance(dim, bool):  # var(x, unbiased)
            dim, unbiased = None, dim
        correction = (1 if unbiased in (None, True) else 0) if correction is None else correction
        dims = _dims(b, x, dim)
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
            return b.add(op, x, _dims(b, x, None))
        if isinstance(dim, Ref):
            return b.add(op.removeprefix("a"), x, dim)
        index = b.add(
            "reshape",
            b.add(arg, x, dim % len(b.shape(x))),
            tuple(1 if d == dim % len(b.shape(x)) else s for d, s in enumerate(b.shape(x))),
        )
        shape = b.shape(x)
        kept = tuple(1 if d == dim % len(shape) else s for d, s in enumerate(shape))
        picked = b.call("gather", lambda v, i, d: torch.gather(v, d, i), x, index, dim % len(shape))
        final = kept if keepdim else tuple(s for d, s in enumerate(shape) if d != dim % len(shape))
        return [b.add("reshape", picked, final), b.add("reshape", index, final)]

    return handle


def convert(b: Builder, x: Any, dtype: Any) -> Any:
    value = b.value(x)
    if dtype is None or (isinstance(value, torch.Tensor) and value.dtype == dtype):
        return x
    return b.add("convert", x, dtype)


def _to_copy(b: Builder, x: Any, *, dtype: Any = None, **_: Any) -> Any:
    return convert(b, x, dtype)


def _arithmetic(op: str) -> Handler:
    def handle(b: Builder, x: Any, y: Any, alpha: Any = 1, **_: Any) -> Any:
        return b.add(op, x, y if alpha == 1 else b.add("mul", y, alpha))

    return handle


def _rsub(b: Builder, x: Any, y: Any, alpha: Any = 1) -> Any:
    return b.add("sub", y, x if alpha == 1 else b.add("mul", x, alpha))


def _div(b: Builder, x: Any, y: Any, *, rounding_mode: Any = None) -> Any:
    out = (
        b.add("div", _floating(b, x), _floating(b, y))
        if rounding_mode is None
        else b.call("div", lambda p, q, m: torch.div(p, q, rounding_mode=m), x, y, rounding_mode)
    )
    return out


def _floating(b: Builder, x: Any) -> Any:
    value = b.value(x)
    if isinstance(value, torch.Tensor):
        return x if value.is_floating_point() or value.is_complex() else convert(b, x, torch.get_default_dtype())
    return float(value) if isinstance(value, (int, bool)) else x


def _compare(op: str) -> Handler:
    return lambda b, x, y, **_: b.add(op, x, y)


def _shape(b: Builder, x: Any, sizes: Any, **_: Any) -> Any:
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
    gone = _dims(b, x, dim)
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


def _mm(b: Builder, x: Any, y: Any) -> Any:
    return b.add("dot", x, y, ((len(b.shape(x)) - 1,), (0,)), ((), ()))


def _bmm(b: Builder, x: Any, y: Any) -> Any:
    return b.add("dot", x, y, ((2,), (1,)), ((0,), (0,)))


def _convolution(
    b: Builder,
    x: Any,
    kernel: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    _output: Any,
    groups: int,
) -> Any:
    if transposed:
        raise NotImplementedError("a transposed convolution")
    if any(padding):
        x = b.add("pad", x, 0.0, (0, 0, *padding), (0, 0, *padding))
    out = b.add("convolution", x, kernel, tuple(stride), tuple(dilation), groups)
    if bias is None:
        return out
    return b.add("add", out, b.add("reshape", bias, (1, -1, *[1] * (len(b.shape(out)) - 2))))


def _where(b: Builder, which: Any, x: Any, y: Any) -> Any:
    return b.add("where", which, x, y)


def _clamp(b: Builder, x: Any, low: Any = None, high: Any = None) -> Any:
    if low is None or high is None:
        return _bound("max" if high is None else "min")(b, x, low if high is None else high)
    return b.add("clamp", x, low, high)


def _bound(op: str) -> Handler:
    """Not `maximum`: the gradient at the bound itself is 1, and not shared."""
    clamped = torch.clamp_min if op == "max" else torch.clamp_max
    return lambda b, x, bound: b.call(op, clamped, x, bound)


def _lerp(b: Builder, x: Any, y: Any, weight: Any) -> Any:
    return b.add("add", x, b.add("mul", b.add("sub", y, x), weight))


def _foreach(name: str) -> Handler:
    def handle(b: Builder, first: Any, *others: Any, **named: Any) -> list[Any]:
        columns = [other if isinstance(other, (list, tuple)) else [other] * len(first) for other in others]
        return [HANDLERS[name](b, *row, **named) for row in zip(first, *columns, strict=True)]

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


def _repeat(b: Builder, x: Any, times: Any) -> Any:
    shape = (1,) * (len(times) - len(b.shape(x))) + b.shape(x)
    pairs = tuple(n for repeat, size in zip(times, shape, strict=True) for n in (repeat, size))
    x = b.add("reshape", x, tuple(n for size in shape for n in (1, size)))
    x = b.add("broadcast", x, pairs, tuple(range(len(pairs))))
    return b.add("reshape", x, tuple(r * s for r, s in zip(times, shape, strict=True)))


def _triangle(upper: bool) -> Handler:
    return lambda b, x, diagonal=0: b.add("triangle", x, diagonal, upper)


def _rsqrt(b: Builder, x: Any) -> Any:
    return b.add("div", 1.0, b.add("sqrt", x))


def _cumulative(op: str) -> Handler:
    return lambda b, x, dim, **_: b.add(op, x, dim % max(len(b.shape(x)), 1), False)


def _same(_b: Builder, x: Any, *_: Any, **__: Any) -> Any:
    return x


def _index(b: Builder, x: Any, indices: Any) -> Any:
    return b.call(
        "index", lambda v, places: v[tuple(slice(None) if p is None else p for p in places)], x, list(indices)
    )


HANDLERS: dict[str, Handler] = {
    **{op: (lambda op: lambda b, x: b.add(op, x))(op) for op in UNARY if op not in ("is_finite", "not", "sign", "relu")},
    **{name: (lambda op: lambda b, x: b.add(op, x))(op) for name, op in _UNARY.items() if op},
    **{name: _compare(op) for name, op in _BINARY.items()},
    **{op: _compare(op) for op in ("eq", "ne", "lt", "le", "gt", "ge") if op in BINARY},
    "sgn": lambda b, x: b.add("sign", x), "sign": lambda b, x: b.add("sign", x), "relu": lambda b, x: b.add("relu", x),
    "special_erfc": lambda b, x: b.add("erfc", x),
    "reciprocal": lambda b, x: b.add("div", 1.0, x), "rsqrt": _rsqrt, "square": lambda b, x: b.add("mul", x, x),
    "add": _arithmetic("add"), "sub": _arithmetic("sub"), "rsub": _rsub, "mul": _arithmetic("mul"), "div": _div,
    "pow": lambda b, x, y: power(b, None, x, y) if not (y == 2 and isinstance(y, int)) else b.add("pow", x, y),
    "sum": _reduce("sum"), "amax": _reduce("amax"), "amin": _reduce("amin"), "mean": _mean,
    "var": _spread(False, False), "std": _spread(True, False), "var_mean": _spread(False, True), "std_mean": _spread(True, True),
    "max": _max("amax", "argmax"), "min": _max("amin", "argmin"),
    "detach": lambda b, x: b.add("detach", x), "clone": _same, "alias": _same, "lift_fresh": _same, "contiguous": _same,
    "lift_fresh_copy": _same, "_to_copy": _to_copy, "view": _shape, "reshape": _shape, "_unsafe_view": _shape, "_reshape_alias": _shape,
    "expand": _expand, "unsqueeze": _unsqueeze, "squeeze": _squeeze, "permute": _permute, "transpose": _transpose,
    "t": _transpose, "slice": _slice, "select": _select, "split": _split, "split_with_sizes": _split, "unbind": _unbind,
    "cat": lambda b, parts, dim=0: b.add("concat", list(parts), dim % max(len(b.shape(parts[0])), 1)), "stack": _stack,
    "flip": lambda b, x, dims: b.add("flip", x, tuple(d % len(b.shape(x)) for d in dims)), "constant_pad_nd": _pad,
    "mm": _mm, "bmm": _bmm, "mv": _mm, "dot": _mm, "convolution": _convolution, "where": _where, "clamp": _clamp,
    "clamp_min": _bound("max"), "clamp_max": _bound("min"), "lerp": _lerp,
    "masked_fill": lambda b, x, mask, value: b.add("where", mask, value, x), "unsafe_split": _split,
    "hardtanh": lambda b, x, low=-1.0, high=1.0: b.call("clamp", torch.nn.functional.hardtanh, x, low, high),
    "max_pool2d_with_indices": _max_pool, "avg_pool2d": _average_pool,
    "embedding": lambda b, table, places, *_: _index(b, table, [places]),
    "arange": _arange, "full": _full, "ones": _filled(1.0), "zeros": _filled(0.0), "ones_like": _filled_like(1.0),
    "zeros_like": _filled_like(0.0), "full_like": _filled_like(None), "scalar_tensor": lambda b, value, **_: value,
    "new_zeros": lambda b, x, shape, dtype=None, **_: _full(b, shape, 0.0, dtype=dtype or b.value(x).dtype),
    "new_ones": lambda b, x, shape, dtype=None, **_: _full(b, shape, 1.0, dtype=dtype or b.value(x).dtype),
    "new_full": lambda b, x, shape, value, dtype=None, **_: _full(b, shape, value, dtype=dtype or b.value(x).dtype),
    "repeat": _repeat, "tril": _triangle(False), "triu": _triangle(True), "cumsum": _cumulative("cumsum"),
    "cumprod": _cumulative("cumprod"), "index": _index,
}  # fmt: skip
HANDLERS |= {
    f"_foreach_{name}": _foreach(name)
    for name in ("add", "sub", "mul", "div", "sqrt", "neg", "lerp", "pow", "clamp_min")
}
HANDLERS |= {"_foreach_maximum": _foreach("maximum"), "_foreach_minimum": _foreach("minimum")}
