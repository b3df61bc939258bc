"""`jax.nn.dot_product_attention`, whose layout is [B, T, N, H]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

NAME = "jax.nn.dot_product_attention"


def _attention(query: jax.Array, key: jax.Array, value: jax.Array, **options: Any) -> jax.Array:
    """[T, H], [S, H], [S, Hv] → [T, Hv]."""
    one_head = (array[None, :, None, :] for array in (query, key, value))
    return jax.nn.dot_product_attention(*one_head, **options)[0, :, 0]


def _batched_attention(query: jax.Array, key: jax.Array, value: jax.Array) -> jax.Array:
    """[B, T, H], [B, S, H], [B, S, Hv] → [B, T, Hv]."""
    one_head = (array[:, :, None, :] for array in (query, key, value))
    return jax.nn.dot_product_attention(*one_head)[:, :, 0]


def _attention_gradient(query: jax.Array, key: jax.Array, value: jax.Array, d_out: jax.Array) -> Any:
    return jax.vjp(_attention, query, key, value)[1](d_out)


def _multi_head_batched(query: jax.Array, key: jax.Array, value: jax.Array, num_heads: int) -> jax.Array:
    """[B, T, D] → [B, T, N, D / N] without a copy."""
    heads = (array.reshape(*array.shape[:2], num_heads, -1) for array in (query, key, value))
    return jax.nn.dot_product_attention(*heads).reshape(query.shape)


def _blockwise_attention(query: jax.Array, key: jax.Array, value: jax.Array, causal: bool) -> jax.Array:
    """[B, N, T, H], transposed to [B, T, N, H] and back."""
    arrays = (array.transpose(0, 2, 1, 3) for array in (query, key, value))
    return jax.nn.dot_product_attention(*arrays, is_causal=causal).transpose(0, 2, 1, 3)


def _masked_attention(query: jax.Array, key: jax.Array, value: jax.Array, visible: jax.Array) -> jax.Array:
    seen = jnp.arange(key.shape[0]) < visible[:, None]
    return _attention(query, key, value, mask=seen[None, None])


FUNCTIONS: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "attention": {NAME: _attention},
    "batched_attention": {NAME: _batched_attention},
    "attention_gradient": {NAME: _attention_gradient},
    "multi_head_batched": {NAME: _multi_head_batched},
    "blockwise_attention": {NAME: _blockwise_attention},
    "masked_attention": {NAME: _masked_attention},
}
# Names of functions without a backward pass.
FORWARD_ONLY: frozenset[str] = frozenset()
