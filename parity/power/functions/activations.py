"""Pointwise activations in one block: softplus, ELU, hard tanh (no gradient at the bounds), leaky ReLU."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    x = np.random.default_rng(seed).standard_normal((11, 13), dtype=np.float32) * 3
    x[0, :6] = 1, -1, 1, -1, 1, -1  # the bounds of hard tanh
    return {"x": x}


def jax_function(
    *,
    alpha: float = 1.0,
    slope: float = 0.01,
    bound: float = 1.0,
    threshold: float = 20.0,
    bound_gradient: bool = False,
    detach: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def activations(x: Any) -> Any:
        softplus = jnp.where(x > threshold, x, jax.nn.softplus(x))
        elu = jax.nn.elu(x, alpha)
        if detach:
            elu = elu + jax.lax.stop_gradient(jnp.where(x > 0, 0, elu)) - jnp.where(x > 0, 0, elu)
        hard_tanh = jax.nn.hard_tanh(x) if bound_gradient else jnp.where(jnp.abs(x) < bound, x, bound * jnp.sign(x))
        return {"softplus": softplus, "elu": elu, "hard_tanh": hard_tanh, "leaky": jax.nn.leaky_relu(x, slope)}

    return activations


def torch_function(
    *,
    alpha: float = 1.0,
    slope: float = 0.01,
    bound: float = 1.0,
    threshold: float = 20.0,
    bound_gradient: bool = False,
    detach: bool = False,
) -> Any:
    import torch
    from torch.nn import functional

    def activations(x: Any) -> Any:
        elu = functional.elu(x, alpha)
        if detach:
            elu = torch.where(x > 0, elu, elu.detach())
        return {
            "softplus": functional.softplus(x, threshold=threshold),
            "elu": elu,
            "hard_tanh": x.clamp(-1, 1) if bound_gradient else functional.hardtanh(x, -bound, bound),
            "leaky": functional.leaky_relu(x, slope),
        }

    return activations


def jax_by_hand() -> Any:
    import jax.numpy as jnp

    def activations(x: Any) -> Any:
        negative = jnp.where(x > 0, 0, x)
        return {
            "softplus": jnp.where(x > 20, x, jnp.logaddexp(x, 0)),  # linear there, as torch has it
            "elu": jnp.where(x > 0, x, jnp.expm1(negative)),
            "hard_tanh": jnp.where(x >= 1, 1, jnp.where(x <= -1, -1, x)),
            "leaky": jnp.where(x > 0, x, 0.01 * x),
        }

    return activations


def torch_by_hand() -> Any:
    import torch

    def activations(x: Any) -> Any:
        return {
            "softplus": torch.where(x > 20, x, torch.log1p(torch.exp(-x.abs())) + x.relu()),
            "elu": x.relu() + torch.expm1(-(-x).relu()),
            "hard_tanh": torch.where(x.abs() < 1, x, x.sign()),
            "leaky": x.relu() - 0.01 * (-x).relu(),
        }

    return activations


FAULTS = (
    *plant("constant factor", alpha=1.0507),
    *plant("constant factor", "torch", slope=0.2),
    *plant("clamp bound", "jax", bound=1.5),
    *plant("clamp bound", "torch", threshold=5.0),
    *plant("tie rule", kind="gradient", bound_gradient=True),
    *plant("stopped gradient", "jax", kind="gradient", detach=True),
)
PORTS = (Port("jax", jax_by_hand), Port("torch", torch_by_hand))
