"""The backward pass of attention."""

from __future__ import annotations

import jax
from jaxtyping import Array, Float

from impl_jax.attention import attention
from impl_jax.shapes import check_shapes


def attention_gradient(
    query: Float[Array, "T H"], key: Float[Array, "S H"], value: Float[Array, "S Hv"], d_out: Float[Array, "T Hv"]
) -> tuple[Float[Array, "T H"], Float[Array, "S H"], Float[Array, "S Hv"]]:
    """Pulls the cotangent `d_out` of `attention` back to (d_query, d_key, d_value).

    Raises:
        ValueError: a shape does not fit, or a sequence is empty.
    """
    axes = {"query": "T H", "key": "S H", "value": "S Hv", "d_out": "T Hv"}
    check_shapes(axes, (query, key, value, d_out))
    _, vjp = jax.vjp(attention, query, key, value)
    return vjp(d_out)
