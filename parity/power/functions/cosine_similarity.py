"""Cosine of every row of one matrix with every row of another, times 5, norms guarded by eps 1e-6 inside the root."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal((11, 11), dtype=np.float32) for name in ("left", "right")}


def jax_function(
    *,
    eps: float = 1e-6,
    eps_outside: bool = False,
    factor: float = 5.0,
    axis: int = -1,
    transpose: bool = False,
    mean: bool = False,
    squared: bool = False,
    detach_norm: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def normalise(x: Any) -> Any:
        power = jnp.mean(x**2, axis, keepdims=True) if mean else jnp.sum(x**2, axis, keepdims=True)
        norm = power if squared else jnp.sqrt(power) + eps if eps_outside else jnp.sqrt(power + eps)
        return x / (jax.lax.stop_gradient(norm) if detach_norm else norm)

    def cosine_similarity(left: Any, right: Any) -> Any:
        left, right = normalise(left), normalise(right)
        return factor * (left @ right if transpose else left @ right.T)

    return cosine_similarity


def torch_function(
    *,
    eps: float = 1e-6,
    eps_outside: bool = False,
    factor: float = 5.0,
    axis: int = -1,
    transpose: bool = False,
    mean: bool = False,
    squared: bool = False,
    detach_norm: bool = False,
) -> Any:
    import torch

    def inverse_norm(x: Any) -> Any:
        square = x.square()
        power = square.mean(axis, keepdim=True) if mean else square.sum(axis, keepdim=True)
        if squared:
            inverse = power.reciprocal()
        else:
            inverse = (power.sqrt() + eps).reciprocal() if eps_outside else torch.rsqrt(power + eps)
        return inverse.detach() if detach_norm else inverse

    def cosine_similarity(left: Any, right: Any) -> Any:
        left, right = left * inverse_norm(left), right * inverse_norm(right)
        return torch.mm(left, right if transpose else right.t()).mul(factor)

    return cosine_similarity


def jax_pairs() -> Any:
    import jax
    import jax.numpy as jnp

    def pair(a: Any, b: Any) -> Any:
        return 5 * jnp.vdot(a, b) / (jnp.sqrt(jnp.vdot(a, a) + 1e-6) * jnp.sqrt(jnp.vdot(b, b) + 1e-6))

    def cosine_similarity(left: Any, right: Any) -> Any:
        return jax.vmap(lambda a: jax.vmap(lambda b: pair(a, b))(right))(left)

    return cosine_similarity


def torch_outer_norms() -> Any:
    import torch

    def cosine_similarity(left: Any, right: Any) -> Any:
        a, b = torch.einsum("td,td->t", left, left), torch.einsum("td,td->t", right, right)
        return 5 * torch.einsum("td,sd->ts", left, right) / torch.outer((a + 1e-6).sqrt(), (b + 1e-6).sqrt())

    return cosine_similarity


FAULTS = (
    *plant("eps value", "torch", eps=1e-8),
    *plant("eps placement", eps_outside=True),
    *plant("constant factor", factor=5.01),
    *plant("reduction axis", "jax", axis=0),
    *plant("transposed axes", "torch", transpose=True),
    *plant("mean against sum", "torch", mean=True),
    *plant("missing term", "jax", squared=True),
    *plant("sign", "torch", factor=-5.0),
    *plant("stopped gradient", kind="gradient", detach_norm=True),
)
PORTS = (Port("jax", jax_pairs), Port("torch", torch_outer_norms))
