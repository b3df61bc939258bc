"""Compositions of `jax.jit`, `jax.vmap` and `jax.grad`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax


def jit_vmap(f: Callable[..., Any]) -> Any:
    """Equals a Python loop."""
    return jax.jit(jax.vmap(f))


def vmap_jit(f: Callable[..., Any]) -> Any:
    """Equals a Python loop."""
    return jax.vmap(jax.jit(f))


def jit_grad(loss: Callable[..., Any]) -> Any:
    """Equals `grad`."""
    return jax.jit(jax.grad(loss))


def grad_jit(loss: Callable[..., Any]) -> Any:
    """Equals `grad`."""
    return jax.grad(jax.jit(loss))


def jvp_jit(loss: Callable[..., Any]) -> Any:
    """Equals `jvp`."""
    compiled = jax.jit(loss)

    def pushed(x: Any, tangent: Any) -> Any:
        return jax.jvp(compiled, (x,), (tangent,))[1]

    return pushed


def vmap_grad(loss: Callable[..., Any], batch: Any) -> Any:
    """Equals a loop of gradients."""
    return jax.vmap(jax.grad(loss))(batch)


def grad_vmap(loss: Callable[..., Any], batch: Any) -> Any:
    """The gradient of a sum over examples = a loop of gradients."""

    def total(batch: Any) -> Any:
        return jax.vmap(loss)(batch).sum()

    return jax.grad(total)(batch)


def jit_vmap_grad(loss: Callable[..., Any]) -> Any:
    """Equals a loop of gradients."""
    return jax.jit(jax.vmap(jax.grad(loss)))


def jit_grad_vmap(loss: Callable[..., Any]) -> Any:
    """Equals a loop of gradients."""

    def total(batch: Any) -> Any:
        return jax.vmap(loss)(batch).sum()

    return jax.jit(jax.grad(total))


def grad_grad(loss: Callable[..., Any], x: Any, tangent: Any) -> Any:
    """H · v; H is symmetric: ⟨H · v, w⟩ = ⟨H · w, v⟩."""

    def slope(x: Any) -> Any:
        gradient = jax.grad(loss)(x)
        return sum((gradient[name] * tangent[name]).sum() for name in x)

    return jax.grad(slope)(x)


def order_matters(loss: Callable[..., Any], batch: Any) -> Any:
    """Of (Σ loss)², grad∘vmap = 2 Σ loss · grad; of loss², vmap∘grad = 2 loss · grad: not the same."""

    def of_pool(batch: Any) -> Any:
        return jax.vmap(loss)(batch).sum() ** 2

    def of_each(x: Any) -> Any:
        return loss(x) ** 2

    return {"grad∘vmap": jax.grad(of_pool)(batch), "vmap∘grad": jax.vmap(jax.grad(of_each))(batch)}


def grad_vmap_rejected(loss: Callable[..., Any], batch: Any) -> Any:
    """Without a sum over the examples there is no gradient, and the framework says so."""
    try:
        jax.grad(jax.vmap(loss))(batch)
    except TypeError as error:
        return {"rejected": int("scalar" in str(error))}
    return {"rejected": 0}
