"""Attention of several heads by blocks of queries and keys: no array of all queries times all keys is ever made."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


def blockwise_forward(
    query: Float[Tensor, "B N T H"],
    key: Float[Tensor, "B N S H"],
    value: Float[Tensor, "B N S Hv"],
    causal: bool,
    first: int,
    blocks: tuple[int, int],
) -> tuple[Float[Tensor, "B N T Hv"], Float[Tensor, "B N T"]]:
    """Attention, and the logarithm of each query's sum of exp(logits), from which the weights can be made again.

    `blocks` is the most queries and the most keys that meet at a time. What a query has summed up so far is scaled down
    whenever a larger logit turns up. With `causal`, query t sees the keys s <= first + t. Sums and the logarithm are in
    float32 where the inputs have fewer bits, and in their dtype otherwise.
    """
    outs, log_totals = [], []
    for rows in _spans(query.shape[2], blocks[0]):
        total = query.new_zeros((*query[:, :, rows].shape[:3], 1), dtype=_wide(query.dtype))
        highest, out = total - torch.inf, total
        for columns in _spans(key.shape[2], blocks[1], first + rows.stop if causal else None):
            logits = _logits(query, key, rows, columns, first if causal else None)
            higher = torch.maximum(highest, logits.amax(dim=3, keepdim=True))
            weights, correction = torch.exp(logits - higher), torch.exp(highest - higher)
            total = correction * total + weights.sum(dim=3, keepdim=True)
            out = correction * out + weights @ value[:, :, columns].to(weights.dtype)
            highest = higher
        outs.append((out / total).to(value.dtype))
        log_totals.append((highest + torch.log(total)).squeeze(3))
    return torch.cat(outs, dim=2), torch.cat(log_totals, dim=2)


def blockwise_backward(
    query: Float[Tensor, "B N T H"],
    key: Float[Tensor, "B N S H"],
    value: Float[Tensor, "B N S Hv"],
    out: Float[Tensor, "B N T Hv"],
    log_total: Float[Tensor, "B N T"],
    d_out: Float[Tensor, "B N T Hv"],
    causal: bool,
    first: int,
    blocks: tuple[int, int],
) -> tuple[Float[Tensor, "B N T H"], Float[Tensor, "B N S H"], Float[Tensor, "B N S Hv"]]:
    """Pulls the cotangent `d_out` back through `blockwise_forward`, whose results `out` and `log_total` are.

    The weights of each block are made again: P = exp(logits - log_total), and with D = Σ d_out · out over Hv it is
    d_value = Pᵀ d_out, d_logits = P ∘ (d_out valueᵀ - D), d_query = d_logits key / √H, d_key = d_logitsᵀ query / √H.
    """
    wide, scale = log_total.dtype, 1 / math.sqrt(query.shape[3])
    mean = (d_out.to(wide) * out.to(wide)).sum(dim=3)
    key_spans = _spans(key.shape[2], blocks[1])
    d_keys, d_values = ([torch.zeros_like(x[:, :, span], dtype=wide) for span in key_spans] for x in (key, value))
    d_queries = []
    for rows in _spans(query.shape[2], blocks[0]):
        d_rows = d_out[:, :, rows].to(wide)
        d_query = torch.zeros_like(query[:, :, rows], dtype=wide)
        for j, columns in enumerate(_spans(key.shape[2], blocks[1], first + rows.stop if causal else None)):
            logits = _logits(query, key, rows, columns, first if causal else None)
            weights = torch.exp(logits - log_total[:, :, rows, None])
            d_logits = weights * (d_rows @ value[:, :, columns].to(wide).mT - mean[:, :, rows, None])
            # New sums, written into nothing: so these steps can be differentiated and batched themselves.
            d_query = d_query + scale * (d_logits @ key[:, :, columns].to(wide))
            d_keys[j] = d_keys[j] + scale * (d_logits.mT @ query[:, :, rows].to(wide))
            d_values[j] = d_values[j] + weights.mT @ d_rows
        d_queries.append(d_query.to(query.dtype))
    return torch.cat(d_queries, 2), torch.cat(d_keys, 2).to(key.dtype), torch.cat(d_values, 2).to(value.dtype)


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


def _spans(length: int, block: int, end: int | None = None) -> list[slice]:
    """The blocks of a sequence; those that begin at or after `end` are left out."""
    starts = range(0, length if end is None else min(length, end), block)
    return [slice(start, min(start + block, length)) for start in starts]


def _logits(query: Tensor, key: Tensor, rows: slice, columns: slice, first: int | None) -> Tensor:
    """One block of logits; -inf where a key comes after the query, unless `first` is None."""
    wide = _wide(query.dtype)
    logits = query[:, :, rows].to(wide) @ key[:, :, columns].to(wide).mT / math.sqrt(query.shape[3])
    if first is None:
        return logits
    after = torch.ones(logits.shape[2:], dtype=torch.bool, device=logits.device).triu(
        first + rows.start - columns.start + 1
    )
    return logits.masked_fill(after, -torch.inf)
