"""Scaled dot-product attention, one head: softmax(query keyᵀ / √H) value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    sizes = {"query": (7, 13), "key": (11, 13), "value": (11, 13)}
    return {name: rng.standard_normal(shape, dtype=np.float32) for name, shape in sizes.items()}


def jax_function(
    *,
    factor: float = 1.0,
    scale_axis: int = 1,
    softmax_axis: int = -1,
    softmax_dtype: str | None = None,
    detach_weights: bool = False,
    detach_query: bool = False,
    reverse_value: bool = False,
) -> Any:
    import jax

    def attention(query: Any, key: Any, value: Any) -> Any:
        if detach_query:
            query = jax.lax.stop_gradient(query)
        logits = query @ key.T * (factor / math.sqrt(key.shape[scale_axis]))
        weights = jax.nn.softmax(logits.astype(softmax_dtype or logits.dtype), axis=softmax_axis).astype(value.dtype)
        if detach_weights:
            weights = jax.lax.stop_gradient(weights)
        return weights @ (value[::-1] if reverse_value else value)

    return attention


def torch_function(
    *,
    factor: float = 1.0,
    scale_axis: int = 1,
    softmax_axis: int = -1,
    softmax_dtype: str | None = None,
    detach_weights: bool = False,
    detach_query: bool = False,
    reverse_value: bool = False,
) -> Any:
    import torch

    def attention(query: Any, key: Any, value: Any) -> Any:
        if detach_query:
            query = query.detach()
        logits = torch.mm(query, key.t()).div(math.sqrt(key.shape[scale_axis])).mul(factor)
        dtype = getattr(torch, softmax_dtype) if softmax_dtype else logits.dtype
        weights = torch.softmax(logits, dim=softmax_axis, dtype=dtype).to(value.dtype)
        if detach_weights:
            weights = weights.detach()
        return torch.mm(weights, value.flip(0) if reverse_value else value)

    return attention


def jax_einsum_upcast() -> Any:
    import jax
    import jax.numpy as jnp

    def attention(query: Any, key: Any, value: Any) -> Any:
        logits = jnp.einsum("th,sh->ts", query * query.shape[-1] ** -0.5, key)
        weights = jnp.exp(jax.nn.log_softmax(logits.astype(jnp.promote_types(logits.dtype, jnp.float32))))
        return jnp.einsum("ts,sh->th", weights.astype(value.dtype), value)

    return attention


def jax_late_division() -> Any:
    import jax.numpy as jnp

    def attention(query: Any, key: Any, value: Any) -> Any:
        logits = query @ key.T / math.sqrt(query.shape[-1])
        numerator = jnp.exp(logits - logits.max(axis=-1, keepdims=True))
        return numerator @ value / numerator.sum(axis=-1, keepdims=True)

    return attention


def torch_fused() -> Any:
    from torch.nn.functional import scaled_dot_product_attention

    def attention(query: Any, key: Any, value: Any) -> Any:
        return scaled_dot_product_attention(query[None, None], key[None, None], value[None, None])[0, 0]

    return attention


FAULTS = (
    *plant("constant factor", factor=1.005),
    *plant("constant factor", "torch", factor=math.sqrt(13)),
    *plant("scale by another dimension", scale_axis=0),
    *plant("softmax axis", softmax_axis=0),
    *plant("low-precision step", softmax_dtype="float32"),
    *plant("low-precision step", "jax", softmax_dtype="bfloat16"),
    *plant("stopped gradient", kind="gradient", detach_weights=True),
    *plant("stopped gradient", "jax", kind="gradient", detach_query=True),
    *plant("reversed index", "torch", reverse_value=True),
)
PORTS = (Port("jax", jax_einsum_upcast), Port("jax", jax_late_division), Port("torch", torch_fused))
