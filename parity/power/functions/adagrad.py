"""An Adagrad step with decaying learning rate: rate / (1 + step · 0.1), eps 1e-10 outside the root."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant

STATE = ("total",)


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def normal() -> Any:
        return rng.standard_normal((11, 7), dtype=np.float32)

    total = normal() ** 2 / 10000 + np.float32(1e-5)
    return {"param": normal(), "gradient": normal() / 100, "total": total, "step": 3}


def jax_function(
    *,
    eps: float = 1e-10,
    eps_inside: bool = False,
    initial: float = 0.0,
    shift: int = 0,
    old_total: bool = False,
    average: bool = False,
    keep_total: bool = False,
) -> Any:
    import jax.numpy as jnp

    def adagrad(param: Any, gradient: Any, total: Any, step: int) -> Any:
        new = (total + gradient**2) / (2 if average else 1)
        used = initial + (total if old_total else new)
        root = jnp.sqrt(used + eps) if eps_inside else jnp.sqrt(used) + eps
        rate = 0.1 / (1 + (step + shift) * 0.1)
        return {"param": param - rate * gradient / root, "total": total if keep_total else new}

    return adagrad


def torch_function(
    *,
    eps: float = 1e-10,
    eps_inside: bool = False,
    initial: float = 0.0,
    shift: int = 0,
    old_total: bool = False,
    average: bool = False,
    keep_total: bool = False,
) -> Any:
    def adagrad(param: Any, gradient: Any, total: Any, step: int) -> Any:
        new = total.addcmul(gradient, gradient)
        if average:
            new = new.div(2)
        used = (total if old_total else new).add(initial)
        root = used.add(eps).sqrt() if eps_inside else used.sqrt().add(eps)
        rate = 0.1 / (1 + (step + shift) * 0.1)
        return {"param": param.addcdiv(gradient, root, value=-rate), "total": total if keep_total else new}

    return adagrad


def jax_power() -> Any:
    def adagrad(param: Any, gradient: Any, total: Any, step: int) -> Any:
        total = gradient * gradient + total
        return {"total": total, "param": param - gradient / (total**0.5 + 1e-10) * (0.1 / (1 + step * 0.1))}

    return adagrad


def torch_by_hand() -> Any:
    import torch

    def adagrad(param: Any, gradient: Any, total: Any, step: int) -> Any:
        total = total + gradient**2
        return {"param": param - (0.1 / (1 + 0.1 * step)) * (gradient / (torch.sqrt(total) + 1e-10)), "total": total}

    return adagrad


FAULTS = (
    *plant("eps value", eps=1e-7),
    *plant("eps placement", "jax", eps_inside=True),
    *plant("missing term", "torch", initial=0.1),
    *plant("shifted index", shift=1),
    *plant("update order", "jax", old_total=True),
    *plant("mean against sum", "torch", average=True),
    *plant("missing term", "jax", kind="state", keep_total=True),
)
PORTS = (Port("jax", jax_power), Port("torch", torch_by_hand))
