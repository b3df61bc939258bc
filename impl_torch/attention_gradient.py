"""The backward pass of attention."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from impl_torch.attention import attention
from impl_torch.shapes import check_shapes


def attention_gradient(
    query: Float[Tensor, "T H"], key: Float[Tensor, "S H"], value: Float[Tensor, "S Hv"], d_out: Float[Tensor, "T Hv"]
) -> tuple[Float[Tensor, "T H"], Float[Tensor, "S H"], Float[Tensor, "S Hv"]]:
    """Pulls the cotangent `d_out` of `attention` back to (d_query, d_key, d_value).

    Raises:
        ValueError: a shape does not fit, or a sequence is empty.
    """
    axes = {"query": "T H", "key": "S H", "value": "S Hv", "d_out": "T Hv"}
    check_shapes(axes, (query, key, value, d_out))
    vjp = torch.func.vjp(attention, query, key, value)[1]
    return vjp(d_out)
