"""Primitives of JAX in the operations of programs: name → function of a builder, the parameters and the operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from parity.programs.builder import Builder
from parity.programs.operations import BINARY, UNARY

Handler = Callable[..., Any]
_RENAMED = {"logistic": "sigmoid", "add_any": "add"}


def _torch_dtype(dtype: Any) -> torch.dtype:
    return getattr(torch, str(dtype))


def _elementwise(op: str) -> Handler:
    return lambda b, params, *operands: b.add(op, *operands)


def _same(_builder: Builder, _params: Any, x: Any) -> Any:
    return x


def _rsqrt(b: Builder, _params: Any, x: Any) -> Any:
    return b.add("div", 1.0, b.add("sqrt", x))


def _integer_pow(b: Builder, params: Any, x: Any) -> Any:
    return b.add("pow", x, params["y"])


def power(b: Builder, _params: Any, x: Any, y: Any) -> Any:
    """A power, or the root that it is."""
    if y == 0.5:
        return b.add("sqrt", x)
    if y == -0.5:
        return _rsqrt(b, None, x)
    return b.add("pow", x, y)


def _select(b: Builder, _params: Any, which: Any, *cases: Any) -> Any:
    if len(cases) != 2:
        raise NotImplementedError("select among more than two")
    if not isinstance(which, bool) and b.value(which).dtype != torch.bool:
        which = b.add("ne", which, 0)
    return b.add("where", which, cases[1], cases[0])


def _convert(b: Builder, params: Any, x: Any) -> Any:
    dtype = _torch_dtype(params["new_dtype"])
    value = b.value(x)
    if isinstance(value, torch.Tensor) and value.dtype == dtype:
        return x
    return b.add("convert", x, dtype)


def _broadcast(b: Builder, params: Any, x: Any) -> Any:
    if not params["shape"]:
        return x
    return b.add("broadcast", x, tuple(params["shape"]), tuple(params["broadcast_dimensions"]))


def _reshape(b: Builder, params: Any, x: Any) -> Any:
    if params.get("dimensions"):
        x = b.add("permute", x, tuple(params["dimensions"]))
    return b.add("reshape", x, tuple(params["new_sizes"]))


def _squeeze(b: Builder, params: Any, x: Any) -> Any:
    shape = b.shape(x)
    gone = {d % len(shape) for d in params["dimensions"]}
    return b.add("reshape", x, tuple(size for d, size in enumerate(shape) if d not in gone))


def _slice(b: Builder, params: Any, x: Any) -> Any:
    strides = params["strides"] or (1,) * len(params["start_indices"])
    for axis, (start, stop, step) in enumerate(
        zip(params["start_indices"], params["limit_indices"], strides, strict=True)
    ):
        if (start, step) != (0, 1) or stop != b.shape(x)[axis]:
            x = b.add("slice", x, axis, int(start), int(stop), int(step))
    return x


def _split(b: Builder, params: Any, x: Any) -> list[Any]:
    start, parts = 0, []
    for size in map(int, params["sizes"]):
        parts.append(b.add("slice", x, int(params["axis"]), start, start + size, 1))
        start += size
    return parts


def _pad(b: Builder, params: Any, x: Any, value: Any) -> Any:
    config = params["padding_config"]
    if any(interior for *_, interior in config):
        raise NotImplementedError("padding between the elements")
    return b.add("pad", x, value, tuple(int(lo) for lo, _, _ in config), tuple(int(hi) for _, hi, _ in config))


def _concatenate(b: Builder, params: Any, *parts: Any) -> Any:
    return b.add("concat", list(parts), int(params["dimension"]))


def _iota(b: Builder, params: Any) -> Any:
    shape, axis = tuple(params["shape"]), int(params["dimension"])
    line = b.add("iota", _torch_dtype(params["dtype"]), 0, int(shape[axis]), 1)
    return line if len(shape) == 1 else b.add("broadcast", line, shape, (axis,))


def _reduce(op: str) -> Handler:
    return lambda b, params, x: b.add(op, x, tuple(int(axis) for axis in params["axes"])) if params["axes"] else x


def _arg(op: str) -> Handler:
    return lambda b, params, x: b.add(op, x, int(params["axes"][0]))


def _cumulative(op: str) -> Handler:
    return lambda b, params, x: b.add(op, x, int(params["axis"]), bool(params["reverse"]))


def _dot(b: Builder, params: Any, x: Any, y: Any) -> Any:
    contract, batch = (tuple(tuple(int(i) for i in side) for side in pair) for pair in params["dimension_numbers"])
    return b.add("dot", x, y, contract, batch)


def _convolution(b: Builder, params: Any, x: Any, kernel: Any) -> Any:
    numbers = params["dimension_numbers"]
    if params["batch_group_count"] != 1:
        raise NotImplementedError("a convolution in groups of the batch")
    if tuple(numbers.lhs_spec) != tuple(range(len(numbers.lhs_spec))):
        x = b.add("permute", x, tuple(numbers.lhs_spec))
    if tuple(numbers.rhs_spec) != tuple(range(len(numbers.rhs_spec))):
        kernel = b.add("permute", kernel, tuple(numbers.rhs_spec))
    if any(d != 1 for d in params["lhs_dilation"]):
        x = b.add("dilate", x, tuple(params["lhs_dilation"]))
    low, high = ((0, 0, *(int(pair[side]) for pair in params["padding"])) for side in (0, 1))
    if any(low) or any(high):
        x = b.add("pad", x, 0.0, low, high)
    strides, dilation = tuple(params["window_strides"]), tuple(params["rhs_dilation"])
    out = b.add("convolution", x, kernel, strides, dilation, int(params["feature_group_count"]))
    back = [0] * len(numbers.out_spec)
    for axis, position in enumerate(numbers.out_spec):
        back[position] = axis
    return out if back == sorted(back) else b.add("permute", out, tuple(back))


def _window(op: str, empty: float) -> Handler:
    def handle(b: Builder, params: Any, x: Any) -> Any:
        if any(d != 1 for d in (*params["base_dilation"], *params["window_dilation"])):
            raise NotImplementedError("a dilated window")
        low, high = (tuple(int(pair[side]) for pair in params["padding"]) for side in (0, 1))
        if any(low) or any(high):
            x = b.add("pad", x, empty, low, high)
        return b.add(op, x, tuple(params["window_dimensions"]), tuple(params["window_strides"]))

    return handle


HANDLERS: dict[str, Handler] = {
    **{name: _elementwise(name) for name in (*UNARY, *BINARY) if name not in ("relu", "pow")},
    **{name: _elementwise(op) for name, op in _RENAMED.items()},
    "copy": _same, "copy_p": _same, "reduce_precision": _same, "optimization_barrier": lambda b, params, *xs: list(xs),
    "stop_gradient": _elementwise("detach"), "rsqrt": _rsqrt, "integer_pow": _integer_pow, "pow": power,
    "square": lambda b, params, x: b.add("mul", x, x), "select_n": _select,
    "clamp": lambda b, params, low, x, high: b.add("clamp", x, low, high),
    "convert_element_type": _convert, "broadcast_in_dim": _broadcast, "reshape": _reshape, "squeeze": _squeeze,
    "expand_dims": _broadcast, "transpose": lambda b, params, x: b.add("permute", x, tuple(params["permutation"])),
    "rev": lambda b, params, x: b.add("flip", x, tuple(params["dimensions"])),
    "slice": _slice, "split": _split, "pad": _pad, "concatenate": _concatenate, "iota": _iota,
    "reduce_sum": _reduce("sum"), "reduce_max": _reduce("amax"), "reduce_min": _reduce("amin"),
    "reduce_prod": _reduce("prod"), "reduce_and": _reduce("all"), "reduce_or": _reduce("any"),
    "argmax": _arg("argmax"), "argmin": _arg("argmin"),
    "cumsum": _cumulative("cumsum"), "cumprod": _cumulative("cumprod"), "cummax": _cumulative("cummax"),
    "dot_general": _dot, "conv_general_dilated": _convolution,
    "reduce_window_sum": _window("window_sum", 0.0), "reduce_window_max": _window("window_max", float("-inf")),
}  # fmt: skip
