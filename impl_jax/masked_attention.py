"""Attention of one head with a mask."""

from __future__ import annotations

import math

import jax
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
    logits = query @ key.T / math.sqrt(query.shape[-1])
    # The lowest number, not -inf: the softmax of a row of -inf, and its gradient, would be NaN.
    weights = jax.nn.softmax(jnp.where(mask, logits, jnp.finfo(logits.dtype).min), axis=-1)
    return jnp.where(mask, weights, 0) @ value
