"""Attention of several heads over a batch."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from impl_torch.batched_attention import batched_attention
from impl_torch.shapes import check_heads, check_shapes


def multi_head_batched(
    query: Float[Tensor, "B T D"], key: Float[Tensor, "B S D"], value: Float[Tensor, "B S D"], num_heads: int
) -> Float[Tensor, "B T D"]:
    """`attention` for each head and each element of the batch. Head n is the n-th block of D / num_heads columns.

    Raises:
        ValueError: a shape does not fit, a sequence or the batch is empty, or `num_heads` does not divide D.
    """
    check_shapes({"query": "B T D", "key": "B S D", "value": "B S D"}, (query, key, value))
    check_heads(num_heads, query.shape[-1])
    # [B, T, D] → [B, T, N, H] → head-major [B, N, T, H] → [B * N, T, H]
    heads = [array.unflatten(2, (num_heads, -1)).transpose(1, 2).flatten(0, 1) for array in (query, key, value)]
    out = batched_attention(*heads).unflatten(0, (-1, num_heads))
    return out.transpose(1, 2).flatten(2)
