"""An AdamW step: decoupled weight decay 0.01 times the learning rate, applied before the step."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant

STATE = ("m", "v")


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Any:
        return rng.standard_normal(shape, dtype=np.float32)

    v = normal(5, 13) ** 2 / 100 + np.float32(1e-4)
    return {"param": normal(5, 13), "gradient": normal(5, 13) / 10, "m": normal(5, 13) / 10, "v": v, "step": 2}


def jax_function(
    *,
    decay: float = 0.01,
    coupled: bool = False,
    decay_after: bool = False,
    decay_sign: float = -1.0,
    correct: tuple[bool, bool] = (True, True),
    v_exponent: int = 2,
    drop_decay_in_m: bool = True,
) -> Any:
    import jax.numpy as jnp

    def adamw(param: Any, gradient: Any, m: Any, v: Any, step: int) -> Any:
        learning_rate, count = 0.02, step + 1
        shrink = 1.0 if coupled else 1 + decay_sign * learning_rate * decay
        g = gradient + decay * param if coupled else gradient
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        m_hat = m / (1 - 0.9**count) if correct[0] else m
        v_hat = v / (1 - 0.999**count) if correct[1] else v
        update = learning_rate * m_hat / (jnp.sqrt(v_hat) + 1e-8)
        param = (param - update) * shrink if decay_after else param * shrink - update
        if not drop_decay_in_m:
            m = m + 0.1 * decay * param
        return {"param": param, "m": m, "v": v if v_exponent == 2 else jnp.sqrt(v)}

    return adamw


def torch_function(
    *,
    decay: float = 0.01,
    coupled: bool = False,
    decay_after: bool = False,
    decay_sign: float = -1.0,
    correct: tuple[bool, bool] = (True, True),
    v_exponent: int = 2,
    drop_decay_in_m: bool = True,
) -> Any:
    import torch

    def adamw(param: Any, gradient: Any, m: Any, v: Any, step: int) -> Any:
        learning_rate, count = 0.02, step + 1
        shrink = 1.0 if coupled else 1 + decay_sign * learning_rate * decay
        if coupled:
            gradient = gradient.add(param, alpha=decay)
        m = torch.lerp(m, gradient, 0.1)
        v = torch.lerp(v, gradient.square(), 0.001)
        step_size = learning_rate / (1 - 0.9**count if correct[0] else 1.0)
        root = v.sqrt() / (1 - 0.999**count if correct[1] else 1.0) ** 0.5 + 1e-8
        if decay_after:
            param = param.addcdiv(m, root, value=-step_size).mul(shrink)
        else:
            param = param.mul(shrink).addcdiv(m, root, value=-step_size)
        if not drop_decay_in_m:
            m = m.add(param, alpha=0.1 * decay)
        return {"param": param, "m": m, "v": v if v_exponent == 2 else v.sqrt()}

    return adamw


def jax_added_update() -> Any:
    import jax.numpy as jnp

    def adamw(param: Any, gradient: Any, m: Any, v: Any, step: int) -> Any:
        moments = jnp.stack([m, v])
        rate = jnp.array([0.1, 0.001], moments.dtype)[:, None, None]
        m, v = moments = moments * (1 - rate) + rate * jnp.stack([gradient, gradient * gradient])
        direction = (m / (1 - 0.9 ** (step + 1))) / (jnp.sqrt(v / (1 - 0.999 ** (step + 1))) + 1e-8)
        return {"v": v, "m": m, "param": param - 0.02 * (direction + 0.01 * param)}

    return adamw


def torch_by_hand() -> Any:
    def adamw(param: Any, gradient: Any, m: Any, v: Any, step: int) -> Any:
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        m_hat, v_hat = m / (1 - 0.9 ** (step + 1)), v / (1 - 0.999 ** (step + 1))
        return {"param": param - 0.02 * 0.01 * param - 0.02 * m_hat / (v_hat**0.5 + 1e-8), "m": m, "v": v}

    return adamw


FAULTS = (
    *plant("coupled weight decay", coupled=True),
    *plant("weight decay value", decay=1e-4),
    *plant("weight decay value", "jax", decay=0.1),
    *plant("update order", "torch", decay_after=True),
    *plant("sign", "jax", decay_sign=1.0),
    *plant("bias correction", correct=(False, True)),
    *plant("bias correction", "jax", correct=(True, False)),
    *plant("missing term", "torch", kind="state", v_exponent=1),
    *plant("coupled weight decay", kind="state", drop_decay_in_m=False),
)
PORTS = (Port("jax", jax_added_update), Port("torch", torch_by_hand))
