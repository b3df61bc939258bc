"""Compositions of `torch.compile`, `torch.vmap` and `torch.func.grad`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def jit_vmap(f: Callable[..., Any]) -> Any:
    """Equals a Python loop."""
    return torch.compile(torch.vmap(f), fullgraph=True, dynamic=False)


def vmap_jit(f: Callable[..., Any]) -> Any:
    """Equals a Python loop."""
    return torch.vmap(torch.compile(f, fullgraph=True, dynamic=False))


def jit_grad(loss: Callable[..., Any]) -> Any:
    """Equals `grad`."""
    return torch.compile(torch.func.grad(loss), fullgraph=True, dynamic=False)


def grad_jit(loss: Callable[..., Any]) -> Any:
    """Equals `grad`."""
    compiled = torch.compile(loss, fullgraph=True, dynamic=False)

    # torch.func.grad cannot look into compiled code, torch.autograd can.
    def gradient(x: Any) -> Any:
        leaves = {name: leaf.detach().requires_grad_() for name, leaf in x.items()}
        pulled = torch.autograd.grad(compiled(leaves), list(leaves.values()), allow_unused=True, materialize_grads=True)
        return dict(zip(x, pulled, strict=True))

    return gradient


def jvp_jit(loss: Callable[..., Any]) -> Any:
    """Equals `jvp`."""
    compiled = torch.compile(loss, fullgraph=True, dynamic=False)

    def pushed(x: Any, tangent: Any) -> Any:
        return torch.func.jvp(compiled, (x,), (tangent,))[1]

    return pushed


def vmap_grad(loss: Callable[..., Any], batch: Any) -> Any:
    """Equals a loop of gradients."""
    return torch.vmap(torch.func.grad(loss))(batch)


def grad_vmap(loss: Callable[..., Any], batch: Any) -> Any:
    """The gradient of a sum over examples = a loop of gradients."""

    def total(batch: Any) -> Any:
        return torch.vmap(loss)(batch).sum()

    return torch.func.grad(total)(batch)


def jit_vmap_grad(loss: Callable[..., Any]) -> Any:
    """Equals a loop of gradients."""
    return torch.compile(torch.vmap(torch.func.grad(loss)), fullgraph=True, dynamic=False)


def jit_grad_vmap(loss: Callable[..., Any]) -> Any:
    """Equals a loop of gradients."""

    def total(batch: Any) -> Any:
        return torch.vmap(loss)(batch).sum()

    return torch.compile(torch.func.grad(total), fullgraph=True, dynamic=False)


def grad_grad(loss: Callable[..., Any], x: Any, tangent: Any) -> Any:
    """H · v; H is symmetric: ⟨H · v, w⟩ = ⟨H · w, v⟩."""

    def slope(x: Any) -> Any:
        gradient = torch.func.grad(loss)(x)
        return sum((gradient[name] * tangent[name]).sum() for name in x)

    return torch.func.grad(slope)(x)


def order_matters(loss: Callable[..., Any], batch: Any) -> Any:
    """Of (Σ loss)², grad∘vmap = 2 Σ loss · grad; of loss², vmap∘grad = 2 loss · grad: not the same."""

    def of_pool(batch: Any) -> Any:
        return torch.vmap(loss)(batch).sum() ** 2

    def of_each(x: Any) -> Any:
        return loss(x) ** 2

    return {"grad∘vmap": torch.func.grad(of_pool)(batch), "vmap∘grad": torch.vmap(torch.func.grad(of_each))(batch)}


def grad_vmap_rejected(loss: Callable[..., Any], batch: Any) -> Any:
    """Without a sum over the examples there is no gradient, and the framework says so."""
    try:
        torch.func.grad(torch.vmap(loss))(batch)
    except RuntimeError as error:
        return {"rejected": int("scalar" in str(error))}
    return {"rejected": 0}
