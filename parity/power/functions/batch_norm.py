"""Batch normalisation in training: the batch normalised, new running statistics (momentum 0.1, unbiased variance)."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant

STATE = ("running_mean", "running_var")


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Any:
        return rng.standard_normal(shape, dtype=np.float32)

    return {
        "x": normal(3, 5, 7) * 2 + 1,
        "weight": 1 + normal(5) / 4,
        "bias": normal(5),
        "running_mean": normal(5),
        "running_var": np.exp(normal(5)),
    }


def jax_function(
    *,
    momentum: float = 0.1,
    eps: float = 1e-5,
    running_ddof: int = 1,
    ddof: int = 0,
    axes: tuple[int, ...] = (0, 2),
    bias_factor: float = 1.0,
    keep_mean: bool = False,
    use_running: bool = False,
    detach: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def batch_norm(x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any) -> Any:
        new_mean = running_mean + momentum * (x.mean((0, 2)) - running_mean)
        new_var = running_var + momentum * (x.var((0, 2), ddof=running_ddof) - running_var)
        if use_running:
            mean, variance = new_mean[:, None], new_var[:, None]
        else:
            mean, variance = jnp.mean(x, axes, keepdims=True), jnp.var(x, axes, ddof=ddof, keepdims=True)
        if detach:
            mean, variance = jax.lax.stop_gradient((mean, variance))
        out = (x - mean) * jax.lax.rsqrt(variance + eps) * weight[:, None] + bias_factor * bias[:, None]
        return {"out": out, "running_mean": running_mean if keep_mean else new_mean, "running_var": new_var}

    return batch_norm


def torch_function(
    *,
    momentum: float = 0.1,
    eps: float = 1e-5,
    running_ddof: int = 1,
    ddof: int = 0,
    axes: tuple[int, ...] = (0, 2),
    bias_factor: float = 1.0,
    keep_mean: bool = False,
    use_running: bool = False,
    detach: bool = False,
) -> Any:
    import torch

    def batch_norm(x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any) -> Any:
        new_mean = running_mean.lerp(x.mean(dim=(0, 2)), momentum)
        new_var = running_var.lerp(x.var(dim=(0, 2), correction=running_ddof), momentum)
        variance, mean = torch.var_mean(x, dim=axes, correction=ddof, keepdim=True)
        if use_running:
            mean, variance = new_mean.view(1, -1, 1), new_var.view(1, -1, 1)
        if detach:
            mean, variance = mean.detach(), variance.detach()
        normal = (x - mean) / (variance + eps).sqrt()
        out = torch.addcmul(bias_factor * bias.view(1, -1, 1), normal, weight.view(1, -1, 1))
        return {"out": out, "running_mean": running_mean if keep_mean else new_mean, "running_var": new_var}

    return batch_norm


def jax_channels_last() -> Any:
    import jax.numpy as jnp

    def batch_norm(x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any) -> Any:
        y = jnp.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
        mean = y.mean(0)
        variance = jnp.mean((y - mean) ** 2, 0)
        normal = (y - mean) * (weight / jnp.sqrt(variance + 1e-5)) + bias
        out = jnp.moveaxis(normal.reshape(x.shape[0], x.shape[2], -1), -1, 1)
        unbiased = variance * (len(y) / (len(y) - 1))
        return {
            "running_var": 0.9 * running_var + 0.1 * unbiased,
            "running_mean": 0.9 * running_mean + 0.1 * mean,
            "out": out,
        }

    return batch_norm


def torch_functional() -> Any:
    from torch.nn.functional import batch_norm as functional_batch_norm

    def batch_norm(x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any) -> Any:
        out = functional_batch_norm(x, None, None, weight, bias, training=True, eps=1e-5)
        mean, variance = x.transpose(0, 1).flatten(1).mean(1), x.transpose(0, 1).flatten(1).var(1)
        return {
            "out": out,
            "running_mean": running_mean * 0.9 + mean * 0.1,
            "running_var": running_var * 0.9 + variance * 0.1,
        }

    return batch_norm


FAULTS = (
    *plant("momentum convention", kind="state", momentum=0.9),
    *plant("biased variance", kind="state", running_ddof=0),
    *plant("biased variance", "torch", ddof=1),
    *plant("eps value", "jax", eps=1e-3),
    *plant("reduction axis", "torch", axes=(0,)),
    *plant("missing bias", "jax", bias_factor=0.0),
    *plant("missing term", "torch", kind="state", keep_mean=True),
    *plant("update order", "jax", use_running=True),
    *plant("stopped gradient", kind="gradient", detach=True),
)
PORTS = (Port("jax", jax_channels_last), Port("torch", torch_functional))
