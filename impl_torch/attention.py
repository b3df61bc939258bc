"""Attention of one head."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from impl_torch.shapes import check_shapes


def attention(
    query: Float[Tensor, "T H"], key: Float[Tensor, "S H"], value: Float[Tensor, "S Hv"]
) -> Float[Tensor, "T Hv"]:
    """softmax(query keyᵀ / √H) value, softmax over the keys S, all in the dtype of the inputs.

    Raises:
        ValueError: a shape does not fit, or a sequence is empty.
    """
    check_shapes({"query": "T H", "key": "S H", "value": "S Hv"}, (query, key, value))
    logits = query @ key.T / math.sqrt(query.shape[-1])
    return torch.softmax(logits, dim=-1) @ value


jit_attention = torch.compile(attention, fullgraph=True)
