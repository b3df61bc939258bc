"""Attention of several heads over a batch."""

from __future__ import annotations

import jax
from jaxtyping import Array, Float

from impl_jax.attention import attention
from impl_jax.shapes import check_heads, check_shapes


def multi_head_batched(
    query: Float[Array, "B T D"], key: Float[Array, "B S D"], value: Float[Array, "B S D"], num_heads: int
) -> Float[Array, "B T D"]:
    """`attention` for each head and each element of the batch. Head n is the n-th block of D / num_heads columns.

    Raises:
        ValueError: a shape does not fit, a sequence or the batch is empty, or `num_heads` does not divide D.
    """
    check_shapes({"query": "B T D", "key": "B S D", "value": "B S D"}, (query, key, value))
    check_heads(num_heads, query.shape[-1])
    split = [array.reshape(*array.shape[:2], num_heads, -1) for array in (query, key, value)]  # [B, T, N, H]
    over_heads = jax.vmap(attention, in_axes=1, out_axes=1)
    return jax.vmap(over_heads)(*split).reshape(query.shape)
