"""Group normalisation, channels second, eps 1e-5, biased variance."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Any:
        return rng.standard_normal(shape, dtype=np.float32)

    return {"x": normal(5, 6, 7), "weight": 1 + normal(6) / 4, "bias": normal(6), "num_groups": 2}


def jax_function(
    *, eps: float = 1e-5, interleaved: bool = False, ddof: int = 0, per_position: bool = False, bias_factor: float = 1.0
) -> Any:
    import jax
    import jax.numpy as jnp

    def group_norm(x: Any, weight: Any, bias: Any, num_groups: int) -> Any:
        batch, _, length = x.shape
        if interleaved:
            grouped = x.reshape(batch, -1, num_groups, length).swapaxes(1, 2)
        else:
            grouped = x.reshape(batch, num_groups, -1, length)
        axes = (2,) if per_position else (2, 3)
        mean = jnp.mean(grouped, axes, keepdims=True)
        variance = jnp.var(grouped, axes, ddof=ddof, keepdims=True)
        y = (grouped - mean) * jax.lax.rsqrt(variance + eps)
        y = (y.swapaxes(1, 2) if interleaved else y).reshape(x.shape)
        return y * weight[:, None] + bias_factor * bias[:, None]

    return group_norm


def torch_function(
    *, eps: float = 1e-5, interleaved: bool = False, ddof: int = 0, per_position: bool = False, bias_factor: float = 1.0
) -> Any:
    import torch

    def group_norm(x: Any, weight: Any, bias: Any, num_groups: int) -> Any:
        size = x.shape[1] // num_groups
        grouped = (
            x.unflatten(1, (size, num_groups)).transpose(1, 2) if interleaved else x.unflatten(1, (num_groups, size))
        )
        variance, mean = torch.var_mean(grouped, dim=2 if per_position else (2, 3), correction=ddof, keepdim=True)
        y = (grouped - mean) / torch.sqrt(variance + eps)
        y = (y.transpose(1, 2) if interleaved else y).flatten(1, 2)
        return y * weight.unsqueeze(-1) + bias_factor * bias.unsqueeze(-1)

    return group_norm


def jax_fast_variance() -> Any:
    import jax.numpy as jnp

    def group_norm(x: Any, weight: Any, bias: Any, num_groups: int) -> Any:
        y = x.reshape(x.shape[0], num_groups, -1).astype(jnp.promote_types(x.dtype, jnp.float32))
        mean = y.mean(-1, keepdims=True)
        variance = jnp.mean(y * y, -1, keepdims=True) - mean**2
        y = ((y - mean) / jnp.sqrt(variance + 1e-5)).reshape(x.shape)
        return (y * weight[:, None] + bias[:, None]).astype(x.dtype)

    return group_norm


def torch_functional() -> Any:
    from torch.nn.functional import group_norm as functional_group_norm

    def group_norm(x: Any, weight: Any, bias: Any, num_groups: int) -> Any:
        return functional_group_norm(x, num_groups, weight, bias, eps=1e-5)

    return group_norm


FAULTS = (
    *plant("eps value", eps=1e-6),
    *plant("permuted axes", "torch", interleaved=True),
    *plant("biased variance", "jax", ddof=1),
    *plant("reduction axis", per_position=True),
    *plant("missing bias", "torch", bias_factor=0.0),
    *plant("doubled bias", "jax", bias_factor=2.0),
)
PORTS = (Port("jax", jax_fast_variance), Port("torch", torch_functional))
WEAK = {
    "jax_fast_variance": {"offset": "E[x²] - E[x]² cancels"},
}
