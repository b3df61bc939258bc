"""Attention of one head with a mask."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from impl_jax.shapes import check_shapes


def masked_attention(
    query: Float[Array, "T H"], key: Float[Array, "S H"], value: Float[Array, "S Hv"], visible: Int[Array, " T"]
) -> Float[Array, "T Hv"]:
    """softmax(query keyᵀ / √H) value, where query t sees the first visible[t] keys; zeros where it sees none.

    Raises:
        ValueError: a shape does not fit, or a sequence is empty.
    """
    check_shapes({"query": "T H", "key": "S H", "value": "S Hv", "visible": "T"}, (query, key, value, visible))
    mask = jnp.arange(key.shape[0]) < visible[:, None]
    logits = jnp.where(mask, query @ key.T / math.sqrt(query.shape[-1]), -jnp.inf)
    # Of a row that sees nothing the maximum is -inf: exp(-inf - 0) is zero, exp(-inf + inf) would be NaN.
    highest = jnp.max(logits, axis=-1, keepdims=True, where=mask, initial=-jnp.inf)
    numerator = jnp.exp(logits - jnp.where(jnp.isfinite(highest), highest, 0))
    total = numerator.sum(axis=-1, keepdims=True)
    return numerator / jnp.where(total == 0, 1, total) @ value
