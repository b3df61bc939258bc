"""Layer normalisation over the last axis, eps 1e-5 inside the root, biased variance."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Any:
        return rng.standard_normal(shape, dtype=np.float32)

    return {"x": normal(5, 7, 13) * np.float32(1.5), "weight": 1 + normal(13) / 4, "bias": normal(13)}


def jax_function(
    *,
    eps: float = 1e-5,
    eps_outside: bool = False,
    ddof: int = 0,
    axis: int = -1,
    bias_factor: float = 1.0,
    detach: str = "",
    float32_statistics: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
        y = x.astype(jnp.float32) if float32_statistics else x
        mean = y.mean(axis=axis, keepdims=True)
        if detach == "mean":
            mean = jax.lax.stop_gradient(mean)
        variance = y.var(axis=axis, ddof=ddof, keepdims=True)
        if detach == "variance":
            variance = jax.lax.stop_gradient(variance)
        y = (y - mean) / (jnp.sqrt(variance) + eps) if eps_outside else (y - mean) * jax.lax.rsqrt(variance + eps)
        return y.astype(x.dtype) * weight + bias_factor * bias

    return layer_norm


def torch_function(
    *,
    eps: float = 1e-5,
    eps_outside: bool = False,
    ddof: int = 0,
    axis: int = -1,
    bias_factor: float = 1.0,
    detach: str = "",
    float32_statistics: bool = False,
) -> Any:
    import torch

    def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
        y = x.float() if float32_statistics else x
        variance, mean = torch.var_mean(y, dim=axis, correction=ddof, keepdim=True)
        if detach == "mean":
            mean = mean.detach()
        if detach == "variance":
            variance = variance.detach()
        scale = 1 / (variance.sqrt() + eps) if eps_outside else torch.rsqrt(variance + eps)
        return torch.addcmul(bias_factor * bias, ((y - mean) * scale).to(x.dtype), weight)

    return layer_norm


def jax_two_pass_upcast() -> Any:
    import jax.numpy as jnp

    def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
        y = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        centred = y - jnp.mean(y, -1, keepdims=True)
        normal = centred / jnp.sqrt(jnp.mean(centred**2, -1, keepdims=True) + 1e-5)
        return (normal * weight + bias).astype(x.dtype)

    return layer_norm


def torch_functional() -> Any:
    from torch.nn.functional import layer_norm as functional_layer_norm

    def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
        return functional_layer_norm(x, weight.shape, weight, bias, eps=1e-5)

    return layer_norm


FAULTS = (
    *plant("eps value", eps=1e-6),
    *plant("eps value", "torch", eps=1e-12),
    *plant("eps placement", eps_outside=True),
    *plant("biased variance", ddof=1),
    *plant("reduction axis", axis=1),
    *plant("missing bias", "jax", bias_factor=0.0),
    *plant("doubled bias", "torch", bias_factor=2.0),
    *plant("stopped gradient", "jax", kind="gradient", detach="mean"),
    *plant("stopped gradient", "torch", kind="gradient", detach="variance"),
    *plant("low-precision step", float32_statistics=True),
)
PORTS = (Port("jax", jax_two_pass_upcast), Port("torch", torch_functional))
