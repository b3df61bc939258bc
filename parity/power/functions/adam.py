"""An Adam step without weight decay; eps 1e-8 is added to the root of the corrected second moment."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant

STATE = ("m", "v")


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def tree(scale: float) -> dict[str, Any]:
        shapes = {"w": (7, 11), "b": (11,)}
        return {
            name: rng.standard_normal(shape, dtype=np.float32) * np.float32(scale) for name, shape in shapes.items()
        }

    v = {name: value**2 + np.float32(1e-7) for name, value in tree(1e-3).items()}
    return {"params": tree(1), "gradients": tree(1e-3), "m": tree(1e-3), "v": v, "step": 4}


def jax_function(
    *,
    eps: float = 1e-8,
    placement: str = "outside",
    correct: bool = True,
    shift: int = 1,
    sign: float = -1.0,
    store_corrected: bool = False,
    old_v: bool = False,
    swap: bool = False,
    float32_moment: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def adam(params: Any, gradients: Any, m: Any, v: Any, step: int) -> Any:
        count = step + shift
        m_scale, v_scale = (1 - 0.9**count, 1 - 0.999**count) if correct else (1.0, 1.0)
        new, old = (0.9, 0.1) if swap else (0.1, 0.9)
        m = jax.tree.map(lambda m, g: old * m + new * g, m, gradients)
        new_v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, v, gradients)
        if float32_moment:
            new_v = jax.tree.map(lambda v: v.astype(jnp.float32).astype(v.dtype), new_v)

        def descend(p: Any, m: Any, v: Any) -> Any:
            if placement == "inside":
                root = jnp.sqrt(v / v_scale + eps)
            elif placement == "before correction":
                root = (jnp.sqrt(v) + eps) / v_scale**0.5
            else:
                root = jnp.sqrt(v / v_scale) + eps
            return p + sign * 0.05 * (m / m_scale) / root

        params = jax.tree.map(descend, params, m, v if old_v else new_v)
        if store_corrected:
            m = jax.tree.map(lambda m: m / m_scale, m)
        return {"params": params, "m": m, "v": new_v}

    return adam


def torch_function(
    *,
    eps: float = 1e-8,
    placement: str = "outside",
    correct: bool = True,
    shift: int = 1,
    sign: float = -1.0,
    store_corrected: bool = False,
    old_v: bool = False,
    swap: bool = False,
    float32_moment: bool = False,
) -> Any:
    def adam(params: Any, gradients: Any, m: Any, v: Any, step: int) -> Any:
        count = step + shift
        m_scale, v_scale = (1 - 0.9**count, 1 - 0.999**count) if correct else (1.0, 1.0)
        out: dict[str, dict[str, Any]] = {"params": {}, "m": {}, "v": {}}
        for name, g in gradients.items():
            mean = m[name].lerp(g, 0.9 if swap else 0.1)
            square = v[name].mul(0.999).addcmul(g, g, value=0.001)
            if float32_moment:
                square = square.float().to(g.dtype)
            used = v[name] if old_v else square
            if placement == "inside":
                root = used.div(v_scale).add(eps).sqrt()
            elif placement == "before correction":
                root = used.sqrt().add(eps).div(v_scale**0.5)
            else:
                root = used.sqrt().div(v_scale**0.5).add(eps)
            out["params"][name] = params[name].addcdiv(mean, root, value=sign * 0.05 / m_scale)
            out["m"][name] = mean / m_scale if store_corrected else mean
            out["v"][name] = square
        return out

    return adam


def jax_scaled_step() -> Any:
    import jax
    import jax.numpy as jnp

    def adam(params: Any, gradients: Any, m: Any, v: Any, step: int) -> Any:
        step_size = 0.05 * (1 - 0.999 ** (step + 1)) ** 0.5 / (1 - 0.9 ** (step + 1))
        eps = 1e-8 * (1 - 0.999 ** (step + 1)) ** 0.5

        def leaf(p: Any, g: Any, m: Any, v: Any) -> tuple[Any, Any, Any]:
            m, v = m + 0.1 * (g - m), v + 0.001 * (jnp.square(g) - v)
            return p - step_size * m / (jnp.sqrt(v) + eps), m, v

        new = jax.tree.map(leaf, params, gradients, m, v)
        p, m, v = jax.tree.transpose(jax.tree.structure(params), jax.tree.structure((0, 0, 0)), new)
        return {"params": p, "m": m, "v": v}

    return adam


def torch_corrected_moments() -> Any:
    import torch

    def adam(params: Any, gradients: Any, m: Any, v: Any, step: int) -> Any:
        m = {name: 0.9 * m[name] + 0.1 * g for name, g in gradients.items()}
        v = {name: 0.999 * v[name] + 0.001 * g * g for name, g in gradients.items()}
        new = {}
        for name, p in params.items():
            m_hat, v_hat = m[name] / (1 - 0.9 ** (step + 1)), v[name] / (1 - 0.999 ** (step + 1))
            new[name] = p - 0.05 * m_hat / (torch.sqrt(v_hat) + 1e-8)
        return {"params": new, "m": m, "v": v}

    return adam


FAULTS = (
    *plant("eps value", eps=1e-7),
    *plant("eps placement", placement="inside"),
    *plant("eps placement", "torch", placement="before correction"),
    *plant("bias correction", correct=False),
    *plant("shifted index", shift=0),
    *plant("sign", "jax", sign=1.0),
    *plant("bias correction", "torch", kind="state", store_corrected=True),
    *plant("update order", "jax", old_v=True),
    *plant("momentum convention", "jax", swap=True),
    *plant("low-precision step", "torch", float32_moment=True),
)
PORTS = (Port("jax", jax_scaled_step), Port("torch", torch_corrected_moments))
