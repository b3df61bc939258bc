"""Mean Huber loss with delta 1.5: quadratic inside, linear outside."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal((11, 7), dtype=np.float32) * 2 for name in ("prediction", "target")}


def jax_function(
    *,
    delta: float = 1.5,
    half: float = 0.5,
    divide_by_delta: bool = False,
    missing_offset: bool = False,
    reduction: str = "mean",
    detach_target: bool = False,
    slope_one: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def huber_loss(prediction: Any, target: Any) -> Any:
        if detach_target:
            target = jax.lax.stop_gradient(target)
        error = jnp.abs(prediction - target)
        linear = delta * error if missing_offset else delta * (error - 0.5 * delta)
        if slope_one:
            linear = error + jax.lax.stop_gradient(linear - error)
        loss = jnp.where(error <= delta, half * error**2, linear)
        if divide_by_delta:
            loss = loss / delta
        if reduction == "sum":
            return loss.sum()
        return loss.sum() / len(loss) if reduction == "batch" else loss.mean()

    return huber_loss


def torch_function(
    *,
    delta: float = 1.5,
    half: float = 0.5,
    divide_by_delta: bool = False,
    missing_offset: bool = False,
    reduction: str = "mean",
    detach_target: bool = False,
    slope_one: bool = False,
) -> Any:
    import torch

    def huber_loss(prediction: Any, target: Any) -> Any:
        error = prediction - (target.detach() if detach_target else target)
        size = error.abs()
        linear = delta * size if missing_offset else delta * size - delta**2 / 2
        if slope_one:
            linear = size + (linear - size).detach()
        loss = torch.where(size <= delta, half * error.square(), linear)
        if divide_by_delta:
            loss = loss / delta
        if reduction == "sum":
            return torch.sum(loss)
        return loss.sum(dim=1).mean() if reduction == "batch" else torch.mean(loss)

    return huber_loss


def jax_clipped() -> Any:
    import jax.numpy as jnp

    def huber_loss(prediction: Any, target: Any) -> Any:
        error = jnp.abs(prediction - target)
        quadratic = jnp.minimum(error, 1.5)
        return jnp.mean(quadratic * quadratic / 2 + 1.5 * (error - quadratic))

    return huber_loss


def torch_functional() -> Any:
    from torch.nn.functional import huber_loss as functional_huber_loss

    def huber_loss(prediction: Any, target: Any) -> Any:
        return functional_huber_loss(prediction, target, delta=1.5)

    return huber_loss


FAULTS = (
    *plant("clamp bound", delta=1.0),
    *plant("constant factor", half=1.0),
    *plant("constant factor", "torch", divide_by_delta=True),
    *plant("missing term", "jax", missing_offset=True),
    *plant("mean against sum", reduction="sum"),
    *plant("scale by another dimension", reduction="batch"),
    *plant("stopped gradient", "jax", kind="gradient", detach_target=True),
    *plant("wrong gradient rule", "torch", kind="gradient", slope_one=True),
)
PORTS = (Port("jax", jax_clipped), Port("torch", torch_functional))
WEAK = {
    "jax_clipped": {"tiny": "the gradient is q + 1.5 - 1.5: a small q is absorbed"},
}
