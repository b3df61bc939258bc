"""Gradients times min(1, 1/(global norm + 1e-6)), for a large and for a small tree."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def tree(scale: float) -> dict[str, Any]:
        shapes = {"w": (7, 11), "b": (11,), "scale": (5,)}
        return {
            name: rng.standard_normal(shape, dtype=np.float32) * np.float32(scale) for name, shape in shapes.items()
        }

    return {"large": tree(1.0), "small": tree(0.03)}


def jax_function(
    *,
    eps: float = 1e-6,
    per_leaf: bool = False,
    mean: bool = False,
    always: bool = False,
    bound: float = 1.0,
    detach: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def clip(tree: Any) -> Any:
        if per_leaf:
            return jax.tree.map(lambda g: g * jnp.minimum(1, bound / (jnp.linalg.norm(g) + eps)), tree)
        leaves = jax.tree.leaves(tree)
        total = sum(jnp.sum(jnp.square(g)) for g in leaves)
        norm = jnp.sqrt(total / sum(g.size for g in leaves) if mean else total)
        scale = bound / (norm + eps)
        scale = scale if always else jnp.minimum(scale, 1)
        if detach:
            scale = jax.lax.stop_gradient(scale)
        return jax.tree.map(lambda g: g * scale, tree)

    def clip_by_global_norm(large: Any, small: Any) -> Any:
        return {"large": clip(large), "small": clip(small)}

    return clip_by_global_norm


def torch_function(
    *,
    eps: float = 1e-6,
    per_leaf: bool = False,
    mean: bool = False,
    always: bool = False,
    bound: float = 1.0,
    detach: bool = False,
) -> Any:
    import torch

    def clip(tree: Any) -> Any:
        norms = {name: torch.linalg.vector_norm(g) for name, g in tree.items()}
        if per_leaf:
            return {name: g * (bound / (norms[name] + eps)).clamp(max=1.0) for name, g in tree.items()}
        norm = torch.linalg.vector_norm(torch.stack(list(norms.values())))
        if mean:
            norm = norm / sum(g.numel() for g in tree.values()) ** 0.5
        scale = bound / (norm + eps)
        if not always:
            scale = scale.clamp(max=1.0)
        if detach:
            scale = scale.detach()
        return {name: g.mul(scale) for name, g in tree.items()}

    def clip_by_global_norm(large: Any, small: Any) -> Any:
        return {"large": clip(large), "small": clip(small)}

    return clip_by_global_norm


def jax_ravelled() -> Any:
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree

    def clip(tree: Any) -> Any:
        flat, unravel = ravel_pytree(tree)
        norm = jnp.linalg.norm(flat) + 1e-6
        return unravel(jnp.where(norm > 1, flat / norm, flat))

    def clip_by_global_norm(large: Any, small: Any) -> Any:
        return {"large": clip(large), "small": clip(small)}

    return clip_by_global_norm


def torch_concatenated() -> Any:
    import torch

    def clip(tree: Any) -> Any:
        norm = torch.cat([g.flatten() for g in tree.values()]).pow(2).sum().sqrt() + 1e-6
        return {name: torch.where(norm > 1, g / norm, g) for name, g in tree.items()}

    def clip_by_global_norm(large: Any, small: Any) -> Any:
        return {"large": clip(large), "small": clip(small)}

    return clip_by_global_norm


FAULTS = (
    *plant("eps value", eps=0.0),
    *plant("reduction axis", per_leaf=True),
    *plant("mean against sum", "jax", mean=True),
    *plant("clamp bound", always=True),
    *plant("constant factor", "torch", bound=1.1),
    *plant("stopped gradient", "torch", kind="gradient", detach=True),
)
PORTS = (Port("jax", jax_ravelled), Port("torch", torch_concatenated))
