"""ATen operators in the operations of programs: name → function of a builder and the operator's own arguments."""

from __future__ import annotations

from typing import Any

import torch

from parity.programs.builder import Builder
from parity.programs.jax_operations import Handler, power
from parity.programs.operations import BINARY, UNARY
from parity.programs.torch_reductions import (
    average_pool,
    bmm,
    convolution,
    cumulative,
    max_,
    max_pool,
    mean,
    mm,
    reduce,
    spread,
)
from parity.programs.torch_shapes import (
    arange,
    convert,
    expand,
    filled_,
    filled_like_,
    full,
    index,
    pad,
    permute,
    repeat,
    same,
    select,
    shape,
    slice_,
    split,
    squeeze,
    stack,
    transpose,
    triangle,
    unbind,
    unsqueeze,
)

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


def _to_copy(b: Builder, x: Any, *, dtype: Any = None, **_: Any) -> Any:
    return convert(b, x, dtype)


def _arithmetic(op: str) -> Handler:
    def handle(b: Builder, x: Any, y: Any, alpha: Any = 1, **_: Any) -> Any:
        return b.add(op, x, y if alpha == 1 else b.add("mul", y, alpha))

    return handle


def _rsub(b: Builder, x: Any, y: Any, alpha: Any = 1) -> Any:
    return b.add("sub", y, x if alpha == 1 else b.add("mul", x, alpha))


def _div(b: Builder, x: Any, y: Any, *, rounding_mode: Any = None) -> Any:
    return (
        b.add("div", _floating(b, x), _floating(b, y))
        if rounding_mode is None
        else b.call("div", lambda p, q, m: torch.div(p, q, rounding_mode=m), x, y, rounding_mode)
    )


def _floating(b: Builder, x: Any) -> Any:
    value = b.value(x)
    if isinstance(value, torch.Tensor):
        return x if value.is_floating_point() or value.is_complex() else convert(b, x, torch.get_default_dtype())
    return float(value) if isinstance(value, (int, bool)) else x


def _compare(op: str) -> Handler:
    return lambda b, x, y, **_: b.add(op, x, y)


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


def _rsqrt(b: Builder, x: Any) -> Any:
    return b.add("div", 1.0, b.add("sqrt", x))


def _plain(op: str) -> Handler:
    return lambda b, *operands: b.add(op, *operands)


HANDLERS: dict[str, Handler] = {
    **{op: _plain(op) for op in UNARY if op not in ("is_finite", "not", "sign", "relu")},
    **{name: _plain(op) for name, op in _UNARY.items() if op},
    **{name: _compare(op) for name, op in _BINARY.items()},
    **{op: _compare(op) for op in ("eq", "ne", "lt", "le", "gt", "ge") if op in BINARY},
    "sgn": lambda b, x: b.add("sign", x), "sign": lambda b, x: b.add("sign", x), "relu": lambda b, x: b.add("relu", x),
    "special_erfc": lambda b, x: b.add("erfc", x),
    "reciprocal": lambda b, x: b.add("div", 1.0, x), "rsqrt": _rsqrt, "square": lambda b, x: b.add("mul", x, x),
    "add": _arithmetic("add"), "sub": _arithmetic("sub"), "rsub": _rsub, "mul": _arithmetic("mul"), "div": _div,
    "pow": lambda b, x, y: power(b, None, x, y) if not (y == 2 and isinstance(y, int)) else b.add("pow", x, y),
    "sum": reduce("sum"), "amax": reduce("amax"), "amin": reduce("amin"), "mean": mean,
    "var": spread(False, False), "std": spread(True, False), "var_mean": spread(False, True), "std_mean": spread(True, True),
    "max": max_("amax", "argmax"), "min": max_("amin", "argmin"),
    "detach": lambda b, x: b.add("detach", x), "clone": same, "alias": same, "lift_fresh": same, "contiguous": same,
    "lift_fresh_copy": same, "_to_copy": _to_copy, "view": shape, "reshape": shape,
    "_unsafe_view": shape, "_reshape_alias": shape,
    "expand": expand, "unsqueeze": unsqueeze, "squeeze": squeeze, "permute": permute, "transpose": transpose,
    "t": transpose, "slice": slice_, "select": select, "split": split, "split_with_sizes": split, "unbind": unbind,
    "cat": lambda b, parts, dim=0: b.add("concat", list(parts), dim % max(len(b.shape(parts[0])), 1)), "stack": stack,
    "flip": lambda b, x, dims: b.add("flip", x, tuple(d % len(b.shape(x)) for d in dims)), "constant_pad_nd": pad,
    "mm": mm, "bmm": bmm, "mv": mm, "dot": mm, "convolution": convolution, "where": _where, "clamp": _clamp,
    "clamp_min": _bound("max"), "clamp_max": _bound("min"), "lerp": _lerp,
    "masked_fill": lambda b, x, mask, value: b.add("where", mask, value, x), "unsafe_split": split,
    "hardtanh": lambda b, x, low=-1.0, high=1.0: b.call("clamp", torch.nn.functional.hardtanh, x, low, high),
    "max_pool2d_with_indices": max_pool, "avg_pool2d": average_pool,
    "embedding": lambda b, table, places, *_: index(b, table, [places]),
    "arange": arange, "full": full, "ones": filled_(1.0), "zeros": filled_(0.0), "ones_like": filled_like_(1.0),
    "zeros_like": filled_like_(0.0), "full_like": filled_like_(None), "scalar_tensor": lambda b, value, **_: value,
    "new_zeros": lambda b, x, shape, dtype=None, **_: full(b, shape, 0.0, dtype=dtype or b.value(x).dtype),
    "new_ones": lambda b, x, shape, dtype=None, **_: full(b, shape, 1.0, dtype=dtype or b.value(x).dtype),
    "new_full": lambda b, x, shape, value, dtype=None, **_: full(b, shape, value, dtype=dtype or b.value(x).dtype),
    "repeat": repeat, "tril": triangle(False), "triu": triangle(True), "cumsum": cumulative("cumsum"),
    "cumprod": cumulative("cumprod"), "index": index,
}  # fmt: skip
HANDLERS |= {
    f"_foreach_{name}": _foreach(name)
    for name in ("add", "sub", "mul", "div", "sqrt", "neg", "lerp", "pow", "clamp_min")
}
HANDLERS |= {"_foreach_maximum": _foreach("maximum"), "_foreach_minimum": _foreach("minimum")}
