"""`scaled_dot_product_attention` and `flex_attention`, whose layout is [B, N, T, H]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import flex_attention
from torch.nn.functional import scaled_dot_product_attention

NAME = "scaled_dot_product_attention"
FLEX = "flex_attention"


def _attention(query: Tensor, key: Tensor, value: Tensor, **options: Any) -> Tensor:
    """[T, H], [S, H], [S, Hv] → [T, Hv]."""
    return scaled_dot_product_attention(query[None, None], key[None, None], value[None, None], **options)[0, 0]


def _batched_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """[B, T, H], [B, S, H], [B, S, Hv] → [B, T, Hv]."""
    return scaled_dot_product_attention(query[:, None], key[:, None], value[:, None])[:, 0]


def _attention_gradient(query: Tensor, key: Tensor, value: Tensor, d_out: Tensor) -> Any:
    return torch.func.vjp(_attention, query, key, value)[1](d_out)


def _heads(array: Tensor, num_heads: int) -> Tensor:
    return array.unflatten(2, (num_heads, -1)).transpose(1, 2)


def _multi_head_batched(query: Tensor, key: Tensor, value: Tensor, num_heads: int) -> Tensor:
    heads = [_heads(array, num_heads) for array in (query, key, value)]
    return scaled_dot_product_attention(heads[0], heads[1], heads[2]).transpose(1, 2).flatten(2)


def _blockwise_attention(query: Tensor, key: Tensor, value: Tensor, causal: bool) -> Tensor:
    return scaled_dot_product_attention(query, key, value, is_causal=causal)


def _masked_attention(query: Tensor, key: Tensor, value: Tensor, visible: Tensor) -> Tensor:
    seen = torch.arange(key.shape[0], device=key.device) < visible[:, None]
    return _attention(query, key, value, attn_mask=seen)


def _flex_multi_head_batched(query: Tensor, key: Tensor, value: Tensor, num_heads: int) -> Any:
    # Copies: without, torch 2.13 on the CPU raises "not enough values to unpack (expected 4, got 3)" for three views.
    heads = [_heads(array, num_heads).contiguous() for array in (query, key, value)]
    return flex_attention(heads[0], heads[1], heads[2]).transpose(1, 2).flatten(2)


def _flex_blockwise_attention(query: Tensor, key: Tensor, value: Tensor, causal: bool) -> Any:
    return flex_attention(query, key, value, score_mod=_causal if causal else None)


def _causal(score: Tensor, _batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
    return torch.where(query >= key, score, -float("inf"))


FUNCTIONS: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "attention": {NAME: _attention},
    "batched_attention": {NAME: _batched_attention},
    "attention_gradient": {NAME: _attention_gradient},
    "multi_head_batched": {NAME: _multi_head_batched, FLEX: _flex_multi_head_batched},
    "blockwise_attention": {NAME: _blockwise_attention, FLEX: _flex_blockwise_attention},
    "masked_attention": {NAME: _masked_attention},
}
# Names of functions without a backward pass: this one raises NotImplementedError on the CPU.
FORWARD_ONLY: frozenset[str] = frozenset({FLEX})
