"""A centred RMSprop step with momentum, as torch.optim.RMSprop: alpha 0.99, eps 1e-8 outside the root."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant

STATE = ("square", "mean", "momentum")


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def normal() -> Any:
        return rng.standard_normal((7, 13), dtype=np.float32)

    mean = normal() / 100
    return {
        "param": normal(),
        "gradient": normal() / 100,
        "square": mean**2 + normal() ** 2 / 1000 + np.float32(1e-4),
        "mean": mean,
        "momentum": normal(),
    }


def jax_function(
    *,
    eps: float = 1e-8,
    eps_inside: bool = False,
    alpha: float = 0.99,
    centred: bool = True,
    old_square: bool = False,
    scale_momentum: bool = False,
    keep_mean: bool = False,
) -> Any:
    import jax.numpy as jnp

    def rmsprop(param: Any, gradient: Any, square: Any, mean: Any, momentum: Any) -> Any:
        new_square = alpha * square + (1 - alpha) * gradient**2
        new_mean = alpha * mean + (1 - alpha) * gradient
        used = square if old_square else new_square
        if centred:
            used = used - (mean if old_square else new_mean) ** 2
        root = jnp.sqrt(used + eps) if eps_inside else jnp.sqrt(used) + eps
        momentum = 0.9 * momentum + (0.1 if scale_momentum else 1.0) * gradient / root
        return {
            "param": param - 0.01 * momentum,
            "square": new_square,
            "mean": mean if keep_mean else new_mean,
            "momentum": momentum,
        }

    return rmsprop


def torch_function(
    *,
    eps: float = 1e-8,
    eps_inside: bool = False,
    alpha: float = 0.99,
    centred: bool = True,
    old_square: bool = False,
    scale_momentum: bool = False,
    keep_mean: bool = False,
) -> Any:
    def rmsprop(param: Any, gradient: Any, square: Any, mean: Any, momentum: Any) -> Any:
        new_square = square.mul(alpha).addcmul(gradient, gradient, value=1 - alpha)
        new_mean = mean.lerp(gradient, 1 - alpha)
        used, centre = (square, mean) if old_square else (new_square, new_mean)
        variance = used.addcmul(centre, centre, value=-1) if centred else used
        root = variance.add(eps).sqrt() if eps_inside else variance.sqrt().add(eps)
        momentum = momentum.mul(0.9).addcdiv(gradient, root, value=0.1 if scale_momentum else 1.0)
        return {
            "param": param.add(momentum, alpha=-0.01),
            "square": new_square,
            "mean": mean if keep_mean else new_mean,
            "momentum": momentum,
        }

    return rmsprop


def jax_increments() -> Any:
    import jax.numpy as jnp

    def rmsprop(param: Any, gradient: Any, square: Any, mean: Any, momentum: Any) -> Any:
        square = square + 0.01 * (jnp.square(gradient) - square)
        mean = mean + 0.01 * (gradient - mean)
        momentum = gradient / (1e-8 + jnp.sqrt(square - jnp.square(mean))) + 0.9 * momentum
        return {"mean": mean, "momentum": momentum, "param": param - 0.01 * momentum, "square": square}

    return rmsprop


def torch_by_hand() -> Any:
    import torch

    def rmsprop(param: Any, gradient: Any, square: Any, mean: Any, momentum: Any) -> Any:
        square = 0.99 * square + 0.01 * gradient * gradient
        mean = 0.99 * mean + 0.01 * gradient
        momentum = 0.9 * momentum + gradient / (torch.sqrt(square - mean * mean) + 1e-8)
        return {"param": param - 0.01 * momentum, "square": square, "mean": mean, "momentum": momentum}

    return rmsprop


FAULTS = (
    *plant("eps placement", eps_inside=True),
    *plant("eps value", "torch", eps=1e-6),
    *plant("momentum convention", "jax", alpha=0.01),
    *plant("missing term", centred=False),
    *plant("update order", "torch", old_square=True),
    *plant("momentum convention", "jax", scale_momentum=True),
    *plant("missing term", "jax", kind="state", keep_mean=True),
)
PORTS = (Port("jax", jax_increments), Port("torch", torch_by_hand))
