"""Grouped-query attention: N query heads, K key heads; query head n uses key head n // (N/K)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from parity.power.catalogue import FUSED, Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    sizes = {"query": (6, 7, 5), "key": (2, 11, 5), "value": (2, 11, 5)}
    return {name: rng.standard_normal(shape, dtype=np.float32) for name, shape in sizes.items()}


def jax_function(
    *,
    tiled: bool = False,
    scale_axis: int = -1,
    softmax_axis: int = -1,
    detach_key: bool = False,
    float32_softmax: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def grouped_query_attention(query: Any, key: Any, value: Any) -> Any:
        group = query.shape[0] // key.shape[0]
        if detach_key:
            key = jax.lax.stop_gradient(key)
        if tiled:
            key, value = (jnp.tile(x, (group, 1, 1)) for x in (key, value))
        else:
            key, value = (jnp.repeat(x, group, axis=0) for x in (key, value))
        logits = jnp.einsum("nth,nsh->nts", query, key) / math.sqrt(query.shape[scale_axis])
        if float32_softmax:
            logits = logits.astype(jnp.float32)
        weights = jax.nn.softmax(logits, axis=softmax_axis).astype(value.dtype)
        return jnp.einsum("nts,nsh->nth", weights, value)

    return grouped_query_attention


def torch_function(
    *,
    tiled: bool = False,
    scale_axis: int = -1,
    softmax_axis: int = -1,
    detach_key: bool = False,
    float32_softmax: bool = False,
) -> Any:
    import torch

    def grouped_query_attention(query: Any, key: Any, value: Any) -> Any:
        group = query.shape[0] // key.shape[0]
        if detach_key:
            key = key.detach()
        if tiled:
            key, value = key.repeat(group, 1, 1), value.repeat(group, 1, 1)
        else:
            key, value = key.repeat_interleave(group, dim=0), value.repeat_interleave(group, dim=0)
        logits = torch.bmm(query, key.transpose(1, 2)).div(query.shape[scale_axis] ** 0.5)
        weights = torch.softmax(logits.float() if float32_softmax else logits, dim=softmax_axis)
        return torch.bmm(weights.to(value.dtype), value)

    return grouped_query_attention


def jax_group_axis() -> Any:
    import jax
    import jax.numpy as jnp

    def grouped_query_attention(query: Any, key: Any, value: Any) -> Any:
        grouped = query.reshape(key.shape[0], -1, *query.shape[1:])
        weights = jax.nn.softmax(jnp.einsum("kgth,ksh->kgts", grouped, key) / math.sqrt(query.shape[-1]))
        return jnp.einsum("kgts,ksh->kgth", weights, value).reshape(query.shape)

    return grouped_query_attention


def torch_fused() -> Any:
    from torch.nn.functional import scaled_dot_product_attention

    def grouped_query_attention(query: Any, key: Any, value: Any) -> Any:
        return scaled_dot_product_attention(query[None], key[None], value[None], enable_gqa=True)[0]

    return grouped_query_attention


FAULTS = (
    *plant("permuted axes", tiled=True),
    *plant("scale by another dimension", "jax", scale_axis=0),
    *plant("softmax axis", "torch", softmax_axis=-2),
    *plant("stopped gradient", "jax", kind="gradient", detach_key=True),
    *plant("low-precision step", "torch", float32_softmax=True),
)
PORTS = (Port("jax", jax_group_axis), Port("torch", torch_fused))
WEAK = {"torch_fused": FUSED}
