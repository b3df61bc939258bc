"""Attention of one head over a batch."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from impl_torch.shapes import check_shapes


def batched_attention(
    query: Float[Tensor, "B T H"], key: Float[Tensor, "B S H"], value: Float[Tensor, "B S Hv"]
) -> Float[Tensor, "B T Hv"]:
    """softmax(query keyᵀ / √H) value for each element of the batch, softmax over the keys S.

    Raises:
        ValueError: a shape does not fit, or a sequence or the batch is empty.
    """
    check_shapes({"query": "B T H", "key": "B S H", "value": "B S Hv"}, (query, key, value))
    logits = torch.bmm(query, key.mT) / math.sqrt(query.shape[-1])
    return torch.bmm(torch.softmax(logits, dim=-1), value)
