"""Attention of one head over a batch."""

from __future__ import annotations

import jax
from jaxtyping import Array, Float

from impl_jax.attention import attention
from impl_jax.shapes import check_shapes


def batched_attention(
    query: Float[Array, "B T H"], key: Float[Array, "B S H"], value: Float[Array, "B S Hv"]
) -> Float[Array, "B T Hv"]:
    """softmax(query keyᵀ / √H) value for each element of the batch, softmax over the keys S.

    Raises:
        ValueError: a shape does not fit, or a sequence or the batch is empty.
    """
    check_shapes({"query": "B T H", "key": "B S H", "value": "B S Hv"}, (query, key, value))
    return jax.vmap(attention)(query, key, value)
