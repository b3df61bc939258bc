"""ATen operators in the operations of programs: name → function of a builder and the operator's own arguments."""

from __future__ import annotations

from typing import Any

import torch

from parity.programs import torch_reductions, torch_shapes
from parity.programs.builder import Builder
from parity.programs.jax_operations import Handler, power
from parity.programs.operations import BINARY, UNARY
from parity.programs.torch_shapes import convert

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
    **{op: _plain(op) for op in UNARY if op not in ("is_finite", "not", "sign", "relu", "real", "imag")},
    **{name: _plain(op) for name, op in _UNARY.items() if op},
    **{name: _compare(op) for name, op in _BINARY.items()},
    **{op: _compare(op) for op in ("eq", "ne", "lt", "le", "gt", "ge") if op in BINARY},
    "sgn": lambda b, x: b.add("sign", x), "sign": lambda b, x: b.add("sign", x), "relu": lambda b, x: b.add("relu", x),
    **dict.fromkeys(("_conj", "_conj_physical", "conj_physical"), _plain("conj")), "resolve_conj": lambda b, x: x,
    "special_erfc": lambda b, x: b.add("erfc", x),
    "reciprocal": lambda b, x: b.add("div", 1.0, x), "rsqrt": _rsqrt, "square": lambda b, x: b.add("mul", x, x),
    "add": _arithmetic("add"), "sub": _arithmetic("sub"), "rsub": _rsub, "mul": _arithmetic("mul"), "div": _div,
    "pow": lambda b, x, y: power(b, None, x, y) if not (y == 2 and isinstance(y, int)) else b.add("pow", x, y),
    "detach": _plain("detach"), "where": _plain("where"), "clamp": _clamp, "clamp_min": _bound("max"), "clamp_max": _bound("min"),
    "masked_fill": lambda b, x, mask, value: b.add("where", mask, value, x), "lerp": _lerp,
    "hardtanh": lambda b, x, low=-1.0, high=1.0: b.call("clamp", torch.nn.functional.hardtanh, x, low, high),
    **torch_reductions.HANDLERS, **torch_shapes.HANDLERS,
}  # fmt: skip
HANDLERS |= {
    f"_foreach_{name}": _foreach(name)
    for name in ("add", "sub", "mul", "div", "sqrt", "neg", "lerp", "pow", "clamp_min")
}
HANDLERS |= {"_foreach_maximum": _foreach("maximum"), "_foreach_minimum": _foreach("minimum")}
