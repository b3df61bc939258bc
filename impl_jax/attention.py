"""Attention of one head."""

from __future__ import annotations

import math

import jax
from jaxtyping import Array, Float

from impl_jax.shapes import check_shapes


def attention(
    query: Float[Array, "T H"], key: Float[Array, "S H"], value: Float[Array, "S Hv"]
) -> Float[Array, "T Hv"]:
    """softmax(query keyᵀ / √H) value, softmax over the keys S, all in the dtype of the inputs.

    Raises:
        ValueError: a shape does not fit, or a sequence is empty.
    """
    check_shapes({"query": "T H", "key": "S H", "value": "S Hv"}, (query, key, value))
    logits = query @ key.T / math.sqrt(query.shape[-1])
    return jax.nn.softmax(logits, axis=-1) @ value


jit_attention = jax.jit(attention)
