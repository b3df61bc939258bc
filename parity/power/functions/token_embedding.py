"""Token embedding scaled by the root of its width, plus learned positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "tokens": rng.integers(0, 17, (3, 7)),
        "table": rng.standard_normal((17, 11), dtype=np.float32),
        "positions": rng.standard_normal((13, 11), dtype=np.float32),
    }


def jax_function(
    *,
    factor: float = 1.0,
    scale_axis: int = 1,
    start: int = 0,
    reverse: bool = False,
    shift: int = 0,
    position_factor: float = 1.0,
    scale_sum: bool = False,
    scale_dtype: str | None = None,
    detach_table: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def token_embedding(tokens: Any, table: Any, positions: Any) -> Any:
        length = tokens.shape[-1]
        scale = jnp.sqrt(jnp.asarray(factor**2 * table.shape[scale_axis], scale_dtype or table.dtype)).astype(
            table.dtype
        )
        if detach_table:
            table = jax.lax.stop_gradient(table)
        embedded = table[jnp.roll(tokens, shift, axis=-1)]
        place = positions[start : start + length]
        place = position_factor * (place[::-1] if reverse else place)
        return (embedded + place) * scale if scale_sum else embedded * scale + place

    return token_embedding


def torch_function(
    *,
    factor: float = 1.0,
    scale_axis: int = 1,
    start: int = 0,
    reverse: bool = False,
    shift: int = 0,
    position_factor: float = 1.0,
    scale_sum: bool = False,
    scale_dtype: str | None = None,
    detach_table: bool = False,
) -> Any:
    import torch
    from torch.nn.functional import embedding

    def token_embedding(tokens: Any, table: Any, positions: Any) -> Any:
        scale = factor * table.shape[scale_axis] ** 0.5
        if scale_dtype:
            scale = torch.tensor(scale, dtype=getattr(torch, scale_dtype)).to(table.dtype)
        embedded = embedding(tokens.roll(shift, dims=-1), table.detach() if detach_table else table)
        place = positions.narrow(0, start, tokens.shape[-1])
        place = position_factor * (place.flip(0) if reverse else place)
        return (embedded + place).mul(scale) if scale_sum else embedded.mul(scale).add(place)

    return token_embedding


def jax_one_hot() -> Any:
    import jax

    def token_embedding(tokens: Any, table: Any, positions: Any) -> Any:
        embedded = jax.nn.one_hot(tokens, table.shape[0], dtype=table.dtype) @ table
        return positions[: tokens.shape[-1]] + embedded * table.shape[1] ** 0.5

    return token_embedding


def torch_index_select() -> Any:
    import torch

    def token_embedding(tokens: Any, table: Any, positions: Any) -> Any:
        embedded = torch.index_select(table * table.shape[1] ** 0.5, 0, tokens.flatten()).view(*tokens.shape, -1)
        return embedded + positions[torch.arange(tokens.shape[-1], device=tokens.device)]

    return token_embedding


FAULTS = (
    *plant("scale by another dimension", scale_axis=0),
    *plant("constant factor", factor=11**0.5),
    *plant("constant factor", "jax", factor=11**-0.5),
    *plant("shifted index", start=1),
    *plant("shifted index", "torch", shift=1),
    *plant("reversed index", reverse=True),
    *plant("missing term", "jax", position_factor=0.0),
    *plant("update order", "torch", scale_sum=True),
    *plant("low-precision step", "torch", scale_dtype="float32"),
    *plant("low-precision step", scale_dtype="bfloat16"),
    *plant("stopped gradient", kind="gradient", detach_table=True),
)
PORTS = (Port("jax", jax_one_hot), Port("torch", torch_index_select))
