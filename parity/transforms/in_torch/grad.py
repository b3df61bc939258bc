"""`torch.func.grad` and its relatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def argnums_one(loss: Callable[..., Any], x: Any) -> Any:
    """Gradient for one argument."""

    def of_leaves(*leaves: Any) -> Any:
        return loss(dict(zip(x, leaves, strict=True)))

    return torch.func.grad(of_leaves, argnums=0)(*x.values())


def argnums_several(loss: Callable[..., Any], x: Any, several: Any) -> Any:
    """Gradient for several arguments."""

    def of_leaves(*leaves: Any) -> Any:
        return loss(dict(zip(x, leaves, strict=True)))

    return torch.func.grad(of_leaves, argnums=several)(*x.values())


def by_name(loss: Callable[..., Any], x: Any, chosen: str) -> Any:
    """Gradient for arguments chosen by name."""

    def of_chosen(part: Any) -> Any:
        return loss({**x, **part})

    return torch.func.grad(of_chosen)({chosen: x[chosen]})


def value_and_grad(loss: Callable[..., Any], x: Any) -> Any:
    """Value and gradient in one pass."""
    gradient, value = torch.func.grad_and_value(loss)(x)
    return {"value": value, "gradient": gradient}


def has_aux(loss: Callable[..., Any], f: Callable[..., Any], x: Any) -> Any:
    """A second result comes along, undifferentiated."""

    def with_outputs(x: Any) -> Any:
        return loss(x), f(x)

    gradient, outputs = torch.func.grad(with_outputs, has_aux=True)(x)
    return {"gradient": gradient, "aux": outputs}


def pytrees(loss: Callable[..., Any], x: Any) -> Any:
    """Gradient for dictionaries and lists."""

    def of_tree(tree: Any) -> Any:
        return loss(dict(zip(x, tree["leaves"], strict=True)))

    return torch.func.grad(of_tree)({"leaves": list(x.values())})


def vjp(f: Callable[..., Any], x: Any, cotangent: Any) -> Any:
    """Pulling back a cotangent u = the gradient of ⟨u, f⟩."""
    pull = torch.func.vjp(f, x)[1]
    (gradient,) = pull(cotangent)
    return gradient


def jvp(f: Callable[..., Any], x: Any, tangent: Any) -> Any:
    """Pushing forward a tangent = the transpose of the transpose."""
    return torch.func.jvp(f, (x,), (tangent,))[1]


def linearize(f: Callable[..., Any], x: Any, tangent: Any) -> Any:
    """The linear map at a point = jvp."""
    out, linear = torch.func.linearize(f, x)
    return {"out": out, "jvp": linear(tangent)}


def jacrev(f_of_one: Callable[..., Any], one: Any) -> Any:
    """Jacobian by rows: u · J = vjp(u)."""
    return torch.func.jacrev(f_of_one)(one)


def jacfwd(f_of_one: Callable[..., Any], one: Any) -> Any:
    """Jacobian by columns = Jacobian by rows."""
    return torch.func.jacfwd(f_of_one)(one)


def hessian(loss_of_one: Callable[..., Any], one: Any) -> Any:
    """Symmetric, and H · v = hvp(v)."""
    return torch.func.hessian(loss_of_one)(one)


def hvp(loss: Callable[..., Any], x: Any, tangent: Any) -> Any:
    """Hessian times vector: forward over reverse = reverse over reverse."""
    return torch.func.jvp(torch.func.grad(loss), (x,), (tangent,))[1]


def third_order(loss: Callable[..., Any], x: Any, tangent: Any) -> Any:
    """Gradient of v · H v; its product with v = the third derivative along v."""

    def slope(x: Any) -> Any:
        return torch.func.jvp(loss, (x,), (tangent,))[1]

    def curvature(x: Any) -> Any:
        return torch.func.jvp(slope, (x,), (tangent,))[1]

    return torch.func.grad(curvature)(x)


def per_example(f: Callable[..., Any], batch: Any, cotangents: Any) -> Any:
    """`vmap` of `vjp`, a cotangent for each example = a loop."""

    def pulled(x: Any, cotangent: Any) -> Any:
        return torch.func.vjp(f, x)[1](cotangent)[0]

    stacked = {name: torch.stack([one[name] for one in cotangents]) for name in cotangents[0]}
    return torch.vmap(pulled)(batch, stacked)


def stop_gradient(loss: Callable[..., Any], x: Any) -> Any:
    """Gradient of loss · stop(loss) = loss · gradient."""

    def with_constant(x: Any) -> Any:
        return loss(x) * loss(x).detach()

    return torch.func.grad(with_constant)(x)


def relu_at_0() -> Any:
    """Subgradient at 0: 0 in both."""
    return torch.vmap(torch.func.grad(torch.relu))(torch.tensor([-1.0, 0.0, 2.0]))


def abs_at_0() -> Any:
    """Subgradient at 0: 1 in JAX, 0 in torch."""
    return torch.vmap(torch.func.grad(torch.abs))(torch.tensor([-1.0, 0.0, 2.0]))


def max_at_ties() -> Any:
    """JAX shares the cotangent among equals, torch gives it to one."""
    return torch.func.grad(lambda x: torch.max(x, dim=0).values)(torch.tensor([1.0, 3.0, 3.0]))


def maximum_at_ties() -> Any:
    """Both give a half to each."""
    return torch.func.grad(torch.maximum, argnums=(0, 1))(torch.tensor(2.0), torch.tensor(2.0))


def clamp_at_bound() -> Any:
    """JAX passes half of the cotangent, torch all of it."""
    return torch.vmap(torch.func.grad(lambda x: torch.clamp(x, -1, 1)))(torch.tensor([-1.0, 0.5, 1.0, 3.0]))
