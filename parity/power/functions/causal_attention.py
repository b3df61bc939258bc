"""Causal attention with T != S, aligned at the top left: query t sees the keys s <= t."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from parity.power.catalogue import FUSED, Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    sizes = {"query": (3, 7, 5), "key": (3, 11, 5), "value": (3, 11, 5)}
    return {name: rng.standard_normal(shape, dtype=np.float32) for name, shape in sizes.items()}


def jax_function(
    *,
    diagonal: int = 0,
    bottom_right: bool = False,
    invert: bool = False,
    scale_axis: int = -1,
    detach_key: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def causal_attention(query: Any, key: Any, value: Any) -> Any:
        if detach_key:
            key = jax.lax.stop_gradient(key)
        logits = jnp.einsum("bth,bsh->bts", query, key) / math.sqrt(key.shape[scale_axis])
        length, size = logits.shape[1:]
        offset = diagonal + (size - length if bottom_right else 0)
        visible = jnp.arange(size) <= jnp.arange(length)[:, None] + offset
        if invert:
            visible = ~visible
        weights = jax.nn.softmax(jnp.where(visible, logits, jnp.finfo(logits.dtype).min))
        return jnp.einsum("bts,bsh->bth", weights, value)

    return causal_attention


def torch_function(
    *,
    diagonal: int = 0,
    bottom_right: bool = False,
    invert: bool = False,
    scale_axis: int = -1,
    detach_key: bool = False,
) -> Any:
    import torch

    def causal_attention(query: Any, key: Any, value: Any) -> Any:
        if detach_key:
            key = key.detach()
        logits = torch.bmm(query, key.transpose(1, 2)) * key.shape[scale_axis] ** -0.5
        length, size = logits.shape[1:]
        offset = diagonal + (size - length if bottom_right else 0)
        visible = torch.ones(length, size, dtype=torch.bool, device=logits.device).tril(offset)
        hidden = visible if invert else visible.logical_not()
        weights = logits.masked_fill(hidden, torch.finfo(logits.dtype).min).softmax(-1)
        return torch.bmm(weights, value)

    return causal_attention


def jax_added_mask() -> Any:
    import jax
    import jax.numpy as jnp

    def head(query: Any, key: Any, value: Any) -> Any:
        future = jnp.triu(jnp.full((query.shape[0], key.shape[0]), -jnp.inf, query.dtype), k=1)
        return jax.nn.softmax((query / math.sqrt(query.shape[-1])) @ key.T + future) @ value

    return jax.vmap(head)


def torch_fused() -> Any:
    from torch.nn.functional import scaled_dot_product_attention

    def causal_attention(query: Any, key: Any, value: Any) -> Any:
        return scaled_dot_product_attention(query[:, None], key[:, None], value[:, None], is_causal=True)[:, 0]

    return causal_attention


FAULTS = (
    *plant("mask off by one", diagonal=1),
    *plant("mask off by one", diagonal=-1),
    *plant("mask aligned at the other corner", bottom_right=True),
    *plant("inverted mask", invert=True),
    *plant("scale by another dimension", "torch", scale_axis=1),
    *plant("stopped gradient", "torch", kind="gradient", detach_key=True),
)
PORTS = (Port("jax", jax_added_mask), Port("torch", torch_fused))
WEAK = {"torch_fused": FUSED}
