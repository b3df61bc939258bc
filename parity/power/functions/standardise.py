"""Standardised rows: centred, divided by the unbiased standard deviation, clipped to ±2."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    return {"x": np.random.default_rng(seed).standard_normal((7, 13), dtype=np.float32) * 3 + np.float32(0.5)}


def jax_function(
    *,
    ddof: int = 1,
    axis: int = -1,
    eps: float = 0.0,
    centre: bool = True,
    bound: float = 2.0,
    variance: bool = False,
    detach: str = "",
    straight_through: bool = False,
    float32_statistics: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def standardise(x: Any) -> Any:
        y = x.astype(jnp.float32) if float32_statistics else x
        mean = y.mean(axis, keepdims=True)
        spread = y.var(axis, ddof=ddof, keepdims=True) if variance else y.std(axis, ddof=ddof, keepdims=True)
        if detach == "mean":
            mean = jax.lax.stop_gradient(mean)
        if detach == "spread":
            spread = jax.lax.stop_gradient(spread)
        y = ((y - mean if centre else y) / (spread + eps)).astype(x.dtype)
        clipped = jnp.clip(y, -bound, bound)
        return y + jax.lax.stop_gradient(clipped - y) if straight_through else clipped

    return standardise


def torch_function(
    *,
    ddof: int = 1,
    axis: int = -1,
    eps: float = 0.0,
    centre: bool = True,
    bound: float = 2.0,
    variance: bool = False,
    detach: str = "",
    straight_through: bool = False,
    float32_statistics: bool = False,
) -> Any:
    import torch

    def standardise(x: Any) -> Any:
        spread, mean = torch.std_mean(x.float() if float32_statistics else x, dim=axis, correction=ddof, keepdim=True)
        if variance:
            spread = spread.square()
        if detach == "mean":
            mean = mean.detach()
        if detach == "spread":
            spread = spread.detach()
        y = (x.sub(mean) if centre else x).div(spread + eps).to(x.dtype)
        clipped = y.clamp(-bound, bound)
        return y + (clipped - y).detach() if straight_through else clipped

    return standardise


def jax_sum_of_squares() -> Any:
    import jax
    import jax.numpy as jnp

    def row(x: Any) -> Any:
        centred = x - x.mean()
        root = jnp.sqrt(jnp.vdot(centred, centred) / (x.size - 1))
        return jnp.maximum(-2, jnp.minimum(2, centred / root))

    return jax.vmap(row)


def torch_norm() -> Any:
    import torch

    def standardise(x: Any) -> Any:
        centred = x - x.mean(dim=1, keepdim=True)
        length = torch.linalg.vector_norm(centred, dim=1, keepdim=True)
        return torch.nn.functional.hardtanh(centred * (x.shape[1] - 1) ** 0.5 / length, -2.0, 2.0)

    return standardise


FAULTS = (
    *plant("biased variance", ddof=0),
    *plant("reduction axis", axis=0),
    *plant("eps value", "jax", eps=1e-5),
    *plant("missing term", "torch", centre=False),
    *plant("clamp bound", bound=1.5),
    *plant("missing term", "jax", variance=True),
    *plant("stopped gradient", "jax", kind="gradient", detach="mean"),
    *plant("stopped gradient", "torch", kind="gradient", detach="spread"),
    *plant("wrong gradient rule", kind="gradient", straight_through=True),
    *plant("low-precision step", float32_statistics=True),
)
PORTS = (Port("jax", jax_sum_of_squares), Port("torch", torch_norm))
