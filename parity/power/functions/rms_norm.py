"""Root-mean-square normalisation with the (1 + weight) convention: x / √(mean x² + 1e-6) · (1 + weight)."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "x": rng.standard_normal((11, 17), dtype=np.float32),
        "weight": rng.standard_normal(17, dtype=np.float32) / np.float32(4),
    }


def jax_function(
    *,
    eps: float = 1e-6,
    eps_outside: bool = False,
    offset: float = 1.0,
    axis: int = -1,
    total: bool = False,
    detach: bool = False,
    float32_scale: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def rms_norm(x: Any, weight: Any) -> Any:
        square = jnp.square(x.astype(jnp.float32) if float32_scale else x)
        power = square.sum(axis, keepdims=True) if total else square.mean(axis, keepdims=True)
        scale = 1 / (jnp.sqrt(power) + eps) if eps_outside else jax.lax.rsqrt(power + eps)
        if detach:
            scale = jax.lax.stop_gradient(scale)
        return x * scale.astype(x.dtype) * (offset + weight)

    return rms_norm


def torch_function(
    *,
    eps: float = 1e-6,
    eps_outside: bool = False,
    offset: float = 1.0,
    axis: int = -1,
    total: bool = False,
    detach: bool = False,
    float32_scale: bool = False,
) -> Any:
    import torch

    def rms_norm(x: Any, weight: Any) -> Any:
        square = (x.float() if float32_scale else x).pow(2)
        power = square.sum(axis, keepdim=True) if total else square.mean(axis, keepdim=True)
        scale = torch.reciprocal(power.sqrt() + eps) if eps_outside else torch.rsqrt(power + eps)
        if detach:
            scale = scale.detach()
        return (x * scale.to(x.dtype)) * (weight + offset)

    return rms_norm


def jax_inner_product_upcast() -> Any:
    import jax.numpy as jnp

    def rms_norm(x: Any, weight: Any) -> Any:
        y = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        power = jnp.einsum("td,td->t", y, y) / x.shape[-1]
        return ((y / jnp.sqrt(power + 1e-6)[:, None]) * (1 + weight)).astype(x.dtype)

    return rms_norm


def torch_functional() -> Any:
    from torch.nn.functional import rms_norm as functional_rms_norm

    def rms_norm(x: Any, weight: Any) -> Any:
        return functional_rms_norm(x, weight.shape, 1 + weight, eps=1e-6)

    return rms_norm


FAULTS = (
    *plant("eps value", eps=1e-5),
    *plant("eps placement", "jax", eps_outside=True),
    *plant("missing term", offset=0.0),
    *plant("reduction axis", "torch", axis=0),
    *plant("mean against sum", total=True),
    *plant("stopped gradient", kind="gradient", detach=True),
    *plant("low-precision step", "torch", float32_scale=True),
)
PORTS = (Port("jax", jax_inner_product_upcast), Port("torch", torch_functional))
