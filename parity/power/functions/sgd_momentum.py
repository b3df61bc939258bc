"""An SGD step with momentum 0.9, L2 weight decay 0.01 and learning rate 0.1, as torch.optim.SGD."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant

STATE = ("momentum",)


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def tree() -> dict[str, Any]:
        return {"w": rng.standard_normal((7, 11), dtype=np.float32), "b": rng.standard_normal(11, dtype=np.float32)}

    return {"params": tree(), "gradients": tree(), "momentum": tree()}


def jax_function(
    *,
    decay: float = 0.01,
    dampening: float = 0.0,
    nesterov: bool = False,
    decoupled: bool = False,
    decay_sign: float = 1.0,
    old_momentum: bool = False,
    keep_momentum: bool = False,
    learning_rate: float = 0.1,
) -> Any:
    import jax

    def sgd_momentum(params: Any, gradients: Any, momentum: Any) -> Any:
        def accumulate(p: Any, g: Any, m: Any) -> Any:
            return 0.9 * m + (1 - dampening) * (g if decoupled else g + decay_sign * decay * p)

        def step(p: Any, g: Any, m: Any, new: Any) -> Any:
            update = m if old_momentum else new
            if nesterov:
                update = g + decay * p + 0.9 * new
            return (p * (1 - learning_rate * decay) if decoupled else p) - learning_rate * update

        new = jax.tree.map(accumulate, params, gradients, momentum)
        params = jax.tree.map(step, params, gradients, momentum, new)
        return {"params": params, "momentum": momentum if keep_momentum else new}

    return sgd_momentum


def torch_function(
    *,
    decay: float = 0.01,
    dampening: float = 0.0,
    nesterov: bool = False,
    decoupled: bool = False,
    decay_sign: float = 1.0,
    old_momentum: bool = False,
    keep_momentum: bool = False,
    learning_rate: float = 0.1,
) -> Any:
    def sgd_momentum(params: Any, gradients: Any, momentum: Any) -> Any:
        new_params, new_momentum = {}, {}
        for name, p in params.items():
            g, m = gradients[name], momentum[name]
            if not decoupled:
                g = g.add(p, alpha=decay_sign * decay)
            new = m.mul(0.9).add(g, alpha=1 - dampening)
            update = g.add(new, alpha=0.9) if nesterov else m if old_momentum else new
            if decoupled:
                p = p.mul(1 - learning_rate * decay)
            new_params[name] = p.sub(update, alpha=learning_rate)
            new_momentum[name] = m if keep_momentum else new
        return {"params": new_params, "momentum": new_momentum}

    return sgd_momentum


def jax_flat() -> Any:
    from jax.flatten_util import ravel_pytree

    def sgd_momentum(params: Any, gradients: Any, momentum: Any) -> Any:
        (p, unravel), (g, _), (m, _) = map(ravel_pytree, (params, gradients, momentum))
        m = g + 0.01 * p + 0.9 * m
        return {"params": unravel(p - 0.1 * m), "momentum": unravel(m)}

    return sgd_momentum


def torch_foreach() -> Any:
    import torch

    def sgd_momentum(params: Any, gradients: Any, momentum: Any) -> Any:
        names = list(params)
        p, g, m = ([tree[name] for name in names] for tree in (params, gradients, momentum))
        new = torch._foreach_add(torch._foreach_mul(m, 0.9), torch._foreach_add(g, p, alpha=0.01))
        stepped = torch._foreach_add(p, new, alpha=-0.1)
        return {"params": dict(zip(names, stepped, strict=True)), "momentum": dict(zip(names, new, strict=True))}

    return sgd_momentum


FAULTS = (
    *plant("momentum convention", dampening=0.9),
    *plant("momentum convention", "torch", nesterov=True),
    # In a single step both forms move the parameters alike: what differs is the momentum that is kept.
    *plant("coupled weight decay", kind="state", decoupled=True),
    *plant("weight decay value", decay=0.001),
    *plant("sign", "jax", decay_sign=-1.0),
    *plant("update order", "torch", old_momentum=True),
    *plant("missing term", "jax", kind="state", keep_momentum=True),
    *plant("constant factor", "torch", learning_rate=0.101),
)
PORTS = (Port("jax", jax_flat), Port("torch", torch_foreach))
