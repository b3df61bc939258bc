"""Causal attention with linear biases: head n of N adds -2^(-8n/N) · (t - s), n = 1..N; top-left aligned."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from parity.power.catalogue import FUSED, Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    sizes = {"query": (5, 7, 3), "key": (5, 11, 3), "value": (5, 11, 3)}
    return {name: rng.standard_normal(shape, dtype=np.float32) for name, shape in sizes.items()}


def jax_function(
    *,
    first: int = 1,
    sign: float = -1.0,
    reverse: bool = False,
    slope_axis: int = 0,
    slope_dtype: str | None = None,
    diagonal: int = 0,
    bottom_right: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def alibi_attention(query: Any, key: Any, value: Any) -> Any:
        heads, length, size = query.shape[0], query.shape[1], key.shape[1]
        dtype = slope_dtype or jnp.promote_types(query.dtype, jnp.float32)
        slope = 2.0 ** (-8.0 * jnp.arange(first, first + heads, dtype=dtype) / query.shape[slope_axis])
        if reverse:
            slope = slope[::-1]
        distance = jnp.arange(length)[:, None] - jnp.arange(size)
        logits = jnp.einsum("nth,nsh->nts", query, key) / math.sqrt(query.shape[-1])
        logits += (sign * slope[:, None, None] * distance).astype(logits.dtype)
        reach = diagonal + (size - length if bottom_right else 0)
        weights = jax.nn.softmax(jnp.where(distance >= -reach, logits, -jnp.inf))
        return jnp.einsum("nts,nsh->nth", weights, value)

    return alibi_attention


def torch_function(
    *,
    first: int = 1,
    sign: float = -1.0,
    reverse: bool = False,
    slope_axis: int = 0,
    slope_dtype: str | None = None,
    diagonal: int = 0,
    bottom_right: bool = False,
) -> Any:
    import torch

    def alibi_attention(query: Any, key: Any, value: Any) -> Any:
        heads, length, size = query.shape[0], query.shape[1], key.shape[1]
        dtype = getattr(torch, slope_dtype) if slope_dtype else torch.promote_types(query.dtype, torch.float32)
        index = torch.arange(first, first + heads, dtype=dtype, device=query.device)
        slope = torch.exp2(index * -8.0 / query.shape[slope_axis])
        if reverse:
            slope = slope.flip(0)
        position = torch.arange(size, device=query.device)
        distance = position[:length, None] - position[None, :]
        bias = (sign * slope.view(-1, 1, 1) * distance).to(query.dtype)
        visible = torch.ones_like(bias, dtype=torch.bool).tril(diagonal + (size - length if bottom_right else 0))
        logits = torch.baddbmm(bias, query, key.mT, alpha=query.shape[-1] ** -0.5)
        return logits.masked_fill(~visible, -torch.inf).softmax(-1) @ value

    return alibi_attention


def jax_head_by_head() -> Any:
    import jax
    import jax.numpy as jnp

    def head(query: Any, key: Any, value: Any, slope: Any) -> Any:
        t, s = jnp.ogrid[: query.shape[0], : key.shape[0]]
        bias = jnp.where(s <= t, (slope * (s - t)).astype(query.dtype), -jnp.inf)
        return jax.nn.softmax(query @ key.T / math.sqrt(query.shape[-1]) + bias) @ value

    def alibi_attention(query: Any, key: Any, value: Any) -> Any:
        heads = query.shape[0]
        slopes = jnp.array(
            [2 ** (-8 * n / heads) for n in range(1, heads + 1)], jnp.promote_types(query.dtype, jnp.float32)
        )
        return jax.vmap(head)(query, key, value, slopes)

    return alibi_attention


def torch_fused() -> Any:
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    def alibi_attention(query: Any, key: Any, value: Any) -> Any:
        heads, length, size = query.shape[0], query.shape[1], key.shape[1]
        dtype = torch.promote_types(query.dtype, torch.float32)
        ratio = 2.0 ** (-8.0 / heads)
        slope = torch.tensor([ratio**n for n in range(1, heads + 1)], dtype=dtype, device=query.device)
        behind = torch.arange(size, device=query.device) - torch.arange(length, device=query.device)[:, None]
        bias = torch.where(behind > 0, -torch.inf, slope[:, None, None] * behind).to(query.dtype)
        return scaled_dot_product_attention(query[None], key[None], value[None], attn_mask=bias[None])[0]

    return alibi_attention


FAULTS = (
    *plant("shifted index", "jax", first=0),
    *plant("sign", sign=1.0),
    *plant("reversed index", "torch", reverse=True),
    *plant("scale by another dimension", "jax", slope_axis=1),
    *plant("low-precision table", "torch", slope_dtype="float32"),
    *plant("low-precision table", "jax", slope_dtype="bfloat16"),
    *plant("mask off by one", "torch", diagonal=1),
    *plant("mask aligned at the other corner", bottom_right=True),
    *plant("missing term", "torch", sign=0.0),
)
PORTS = (Port("jax", jax_head_by_head), Port("torch", torch_fused))
WEAK = {"torch_fused": FUSED}
