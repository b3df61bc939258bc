"""Attention of one head with a mask."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from impl_torch.shapes import check_shapes


def masked_attention(
    query: Float[Tensor, "T H"], key: Float[Tensor, "S H"], value: Float[Tensor, "S Hv"], visible: Int[Tensor, " T"]
) -> Float[Tensor, "T Hv"]:
    """softmax(query keyᵀ / √H) value, where query t sees the first visible[t] keys; zeros where it sees none.

    Raises:
        ValueError: a shape does not fit, or a sequence is empty.
    """
    check_shapes({"query": "T H", "key": "S H", "value": "S Hv", "visible": "T"}, (query, key, value, visible))
    hidden = torch.arange(key.shape[0], device=key.device) >= visible[:, None]
    logits = query @ key.T / math.sqrt(query.shape[-1])
    # The lowest number, not -inf: the softmax of a row of -inf, and its gradient, would be NaN.
    weights = torch.softmax(logits.masked_fill(hidden, torch.finfo(logits.dtype).min), dim=-1)
    return weights.masked_fill(hidden, 0) @ value
