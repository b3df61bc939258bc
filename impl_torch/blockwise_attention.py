"""Attention of several heads over a batch, by blocks, with a gradient rule of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from impl_torch.blockwise_kernel import blockwise_backward, blockwise_forward
from impl_torch.shapes import check_shapes


def blockwise_attention(
    query: Float[Tensor, "B N T H"],
    key: Float[Tensor, "B N S H"],
    value: Float[Tensor, "B N S Hv"],
    causal: bool = False,
) -> Float[Tensor, "B N T Hv"]:
    """softmax(query keyᵀ / √H) value, softmax over the keys S, in extra memory that grows as T + S and not as T · S.

    With `causal`, query t sees the keys s <= t alone. The softmax is put together block by block, and the gradient makes
    the weights again instead of keeping them. Float32 sums for bfloat16 and float16, the dtype of the inputs otherwise.
    There is no forward mode (`jvp`). A gradient of the gradient exists.

    Raises:
        ValueError: a shape does not fit, something is empty, or `causal` is no bool.
    """
    check_shapes({"query": "B N T H", "key": "B N S H", "value": "B N S Hv"}, (query, key, value))
    if not isinstance(causal, bool):
        remedy = "pass it as a constant, not as an array; under a compiler it is a static argument"
        raise ValueError(f"causal: got {type(causal).__name__}, expected bool; {remedy}")
    return _Attention.apply(query, key, value, causal)[0]


def _blocks() -> tuple[int, int]:
    """Queries and keys that meet at a time where there is no fused kernel."""
    return 512, 512


# In a compiled graph the two rules stand as they are: traced into, they would lose their rule for vmap.
@torch.compiler.allow_in_graph
class _Attention(torch.autograd.Function):
    """query, key, value, causal → out and the logarithm of the sums, which the gradient needs and nobody differentiates."""

    @staticmethod
    def forward(query: Tensor, key: Tensor, value: Tensor, causal: bool) -> tuple[Tensor, Tensor]:
        return _forward(query, key, value, causal)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        *arrays, ctx.causal = inputs
        ctx.save_for_backward(*arrays, *output)
        ctx.mark_non_differentiable(output[1])

    @staticmethod
    def backward(ctx: Any, d_out: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        return (*_Gradient.apply(*ctx.saved_tensors, d_out, ctx.causal), None)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        return _over_batch(_Attention, info, in_dims, inputs)


@torch.compiler.allow_in_graph
class _Gradient(torch.autograd.Function):
    """The gradient of `_Attention`, a function that can be differentiated once more, and that again."""

    @staticmethod
    def forward(
        query: Tensor, key: Tensor, value: Tensor, out: Tensor, log_total: Tensor, d_out: Tensor, causal: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        return _backward(query, key, value, out, log_total, d_out, causal)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        query, key, value, _, _, d_out, ctx.causal = inputs
        ctx.save_for_backward(query, key, value, d_out)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, d_out = ctx.saved_tensors
        d_query, d_key, d_value, dd_out = _second_backward(query, key, value, d_out, cotangents, ctx.causal)
        return d_query, d_key, d_value, None, None, dd_out, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        return _over_batch(_Gradient, info, in_dims, inputs)


def _forward(query: Tensor, key: Tensor, value: Tensor, causal: bool) -> tuple[Tensor, Tensor]:
    if query.device.type != "cpu":
        return blockwise_forward(query, key, value, causal, 0, _blocks())
    width = value.shape[3]
    arrays, scale = _same_width(query, key, value), 1 / math.sqrt(query.shape[3])
    out, log_total = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(*arrays, 0.0, causal, scale=scale)
    return out[..., :width], log_total


def _backward(
    query: Tensor, key: Tensor, value: Tensor, out: Tensor, log_total: Tensor, d_out: Tensor, causal: bool
) -> tuple[Tensor, Tensor, Tensor]:
    if query.device.type != "cpu":
        return blockwise_backward(query, key, value, out, log_total, d_out, causal, 0, _blocks())
    sizes, scale = (query.shape[3], key.shape[3], value.shape[3]), 1 / math.sqrt(query.shape[3])
    padded = _same_width(d_out, query, key, value, out)
    gradients = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
        *padded, log_total, 0.0, causal, scale=scale
    )
    d_query, d_key, d_value = (gradient[..., :size] for gradient, size in zip(gradients, sizes, strict=True))
    return d_query, d_key, d_value


def _second_backward(
    query: Tensor, key: Tensor, value: Tensor, d_out: Tensor, cotangents: tuple[Tensor, ...], causal: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pulls cotangents of (d_query, d_key, d_value) back to query, key, value and d_out, one block of queries at a time."""

    def gradient(first: int) -> Callable[..., tuple[Tensor, ...]]:
        def of_rows(query: Tensor, key: Tensor, value: Tensor, d_out: Tensor) -> tuple[Tensor, ...]:
            out, log_total = blockwise_forward(query, key, value, causal, first, _blocks())
            return blockwise_backward(query, key, value, out, log_total, d_out, causal, first, _blocks())

        return of_rows

    d_queries, dd_outs, first = [], [], 0
    total_key, total_value = torch.zeros_like(key), torch.zeros_like(value)
    by_rows = (array.split(_blocks()[0], dim=2) for array in (query, d_out, cotangents[0]))
    for rows, d_rows, cotangent in zip(*by_rows, strict=True):
        pull = torch.func.vjp(gradient(first), rows, key, value, d_rows)[1]
        d_query, d_key, d_value, dd_out = pull((cotangent, *cotangents[1:]))
        total_key, total_value = total_key + d_key, total_value + d_value
        d_queries.append(d_query)
        dd_outs.append(dd_out)
        first += rows.shape[2]
    return torch.cat(d_queries, dim=2), total_key, total_value, torch.cat(dd_outs, dim=2)


def _same_width(*arrays: Tensor) -> tuple[Tensor, ...]:
    """Zeros fill the last axis, since the fused kernel wants H = Hv; they add nothing to any product."""
    width = max(array.shape[3] for array in arrays)
    return tuple(F.pad(array, (0, width - array.shape[3])) if array.shape[3] < width else array for array in arrays)


def _over_batch(
    function: type[torch.autograd.Function], info: Any, in_dims: tuple[int | None, ...], inputs: tuple[Any, ...]
) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    """vmap's rule: the mapped axis becomes part of the batch, which each element of is on its own."""
    mapped = [
        array.expand(info.batch_size, *array.shape) if dim is None else array.movedim(dim, 0)
        for array, dim in zip(inputs[:-1], in_dims[:-1], strict=True)
    ]
    outputs = function.apply(*(array.flatten(0, 1) for array in mapped), inputs[-1])
    return tuple(output.unflatten(0, mapped[0].shape[:2]) for output in outputs), (0,) * len(outputs)
