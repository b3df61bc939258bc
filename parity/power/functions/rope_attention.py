"""Attention with rotary position embedding, half-split: component i turns with component i + H/2."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    sizes = {"query": (3, 11, 10), "key": (3, 13, 10), "value": (3, 13, 7)}
    return {name: rng.standard_normal(shape, dtype=np.float32) for name, shape in sizes.items()}


def jax_function(
    *,
    interleaved: str = "",
    sign: float = 1.0,
    query_start: int = 0,
    reverse: bool = False,
    exponent: float = 2.0,
    table_dtype: str | None = None,
    rotate_key: bool = True,
) -> Any:
    import jax
    import jax.numpy as jnp

    def rotate(x: Any, start: int, interleaved: bool) -> Any:
        half = x.shape[-1] // 2
        dtype = jnp.dtype(table_dtype) if table_dtype else jnp.promote_types(x.dtype, jnp.float32)
        frequency = 10000.0 ** (-exponent * jnp.arange(half, dtype=dtype) / x.shape[-1])
        if reverse:
            frequency = frequency[::-1]
        angle = jnp.outer(jnp.arange(start, start + x.shape[-2], dtype=dtype), frequency)
        cos, sin = jnp.cos(angle).astype(x.dtype), sign * jnp.sin(angle).astype(x.dtype)
        if interleaved:
            a, b = x[..., 0::2], x[..., 1::2]
            return jnp.stack([a * cos - b * sin, b * cos + a * sin], axis=-1).reshape(x.shape)
        a, b = jnp.split(x, 2, axis=-1)
        return jnp.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)

    def rope_attention(query: Any, key: Any, value: Any) -> Any:
        query = rotate(query, query_start, "query" in interleaved)
        key = rotate(key, 0, "key" in interleaved) if rotate_key else key
        logits = jnp.einsum("nth,nsh->nts", query, key) / math.sqrt(query.shape[-1])
        return jnp.einsum("nts,nsh->nth", jax.nn.softmax(logits), value)

    return rope_attention


def torch_function(
    *,
    interleaved: str = "",
    sign: float = 1.0,
    query_start: int = 0,
    reverse: bool = False,
    exponent: float = 2.0,
    table_dtype: str | None = None,
    rotate_key: bool = True,
) -> Any:
    import torch

    def rotate_half(x: Any, interleaved: bool) -> Any:
        if interleaved:
            return torch.stack((-x[..., 1::2], x[..., 0::2]), dim=-1).flatten(-2)
        a, b = x.chunk(2, dim=-1)
        return torch.cat((-b, a), dim=-1)

    def apply_rope(x: Any, start: int, interleaved: bool) -> Any:
        size = x.shape[-1]
        dtype = getattr(torch, table_dtype) if table_dtype else torch.promote_types(x.dtype, torch.float32)
        frequency = 1.0 / 10000.0 ** (torch.arange(0, size, 2, dtype=dtype, device=x.device) * (exponent / 2) / size)
        if reverse:
            frequency = frequency.flip(0)
        position = torch.arange(start, start + x.shape[-2], dtype=dtype, device=x.device)
        angle = position[:, None] * frequency
        angle = angle.repeat_interleave(2, dim=-1) if interleaved else torch.cat((angle, angle), dim=-1)
        return x * angle.cos().to(x.dtype) + sign * rotate_half(x, interleaved) * angle.sin().to(x.dtype)

    def rope_attention(query: Any, key: Any, value: Any) -> Any:
        query = apply_rope(query, query_start, "query" in interleaved)
        if rotate_key:
            key = apply_rope(key, 0, "key" in interleaved)
        return torch.softmax(query @ key.mT * query.shape[-1] ** -0.5, dim=-1) @ value

    return rope_attention


def jax_complex() -> Any:
    import jax
    import jax.numpy as jnp

    def rotate(x: Any) -> Any:
        dtype = jnp.promote_types(x.dtype, jnp.float32)
        half = x.shape[-1] // 2
        frequency = jnp.exp(jnp.arange(half, dtype=dtype) * (-math.log(10000.0) / half))
        turn = jnp.exp(1j * jnp.arange(x.shape[-2], dtype=dtype)[:, None] * frequency)
        y = jax.lax.complex(x[..., :half].astype(dtype), x[..., half:].astype(dtype)) * turn
        return jnp.concatenate([y.real, y.imag], axis=-1).astype(x.dtype)

    def rope_attention(query: Any, key: Any, value: Any) -> Any:
        return jax.nn.softmax(rotate(query) @ rotate(key).swapaxes(1, 2) / math.sqrt(query.shape[-1])) @ value

    return rope_attention


def torch_two_halves() -> Any:
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    def rotate(x: Any) -> Any:
        dtype = torch.promote_types(x.dtype, torch.float32)
        half = x.shape[-1] // 2
        power = torch.arange(half, dtype=dtype, device=x.device) / half
        angle = torch.outer(torch.arange(x.shape[-2], dtype=dtype, device=x.device), torch.pow(10000.0, -power))
        a, b = x[..., :half].to(dtype), x[..., half:].to(dtype)
        cos, sin = torch.cos(angle), torch.sin(angle)
        return torch.cat((a * cos - b * sin, a * sin + b * cos), -1).to(x.dtype)

    def rope_attention(query: Any, key: Any, value: Any) -> Any:
        return scaled_dot_product_attention(rotate(query)[None], rotate(key)[None], value[None])[0]

    return rope_attention


FAULTS = (
    *plant("rope pairing", interleaved="query key"),
    *plant("rope pairing", "torch", interleaved="key"),
    *plant("sign", sign=-1.0),
    *plant("shifted index", query_start=1),
    *plant("reversed index", "jax", reverse=True),
    *plant("scale by another dimension", "torch", exponent=1.0),
    *plant("low-precision table", table_dtype="float32"),
    *plant("low-precision table", table_dtype="bfloat16"),
    *plant("missing term", "jax", rotate_key=False),
)
PORTS = (Port("jax", jax_complex), Port("torch", torch_two_halves))
