"""`jax.grad` and its relatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def argnums_one(loss: Callable[..., Any], x: Any) -> Any:
    """Gradient for one argument."""

    def of_leaves(*leaves: Any) -> Any:
        return loss(dict(zip(x, leaves, strict=True)))

    return jax.grad(of_leaves, argnums=0)(*x.values())


def argnums_several(loss: Callable[..., Any], x: Any, several: Any) -> Any:
    """Gradient for several arguments."""

    def of_leaves(*leaves: Any) -> Any:
        return loss(dict(zip(x, leaves, strict=True)))

    return jax.grad(of_leaves, argnums=several)(*x.values())


def by_name(loss: Callable[..., Any], x: Any, chosen: str) -> Any:
    """Gradient for arguments chosen by name."""

    def of_chosen(part: Any) -> Any:
        return loss({**x, **part})

    return jax.grad(of_chosen)({chosen: x[chosen]})


def value_and_grad(loss: Callable[..., Any], x: Any) -> Any:
    """Value and gradient in one pass."""
    value, gradient = jax.value_and_grad(loss)(x)
    return {"value": value, "gradient": gradient}


def has_aux(loss: Callable[..., Any], f: Callable[..., Any], x: Any) -> Any:
    """A second result comes along, undifferentiated."""

    def with_outputs(x: Any) -> Any:
        return loss(x), f(x)

    gradient, outputs = jax.grad(with_outputs, has_aux=True)(x)
    return {"gradient": gradient, "aux": outputs}


def pytrees(loss: Callable[..., Any], x: Any) -> Any:
    """Gradient for dictionaries and lists."""

    def of_tree(tree: Any) -> Any:
        return loss(dict(zip(x, tree["leaves"], strict=True)))

    return jax.grad(of_tree)({"leaves": list(x.values())})


def vjp(f: Callable[..., Any], x: Any, cotangent: Any) -> Any:
    """Pulling back a cotangent u = the gradient of ⟨u, f⟩."""
    pull = jax.vjp(f, x)[1]
    (gradient,) = pull(cotangent)
    return gradient


def jvp(f: Callable[..., Any], x: Any, tangent: Any) -> Any:
    """Pushing forward a tangent = the transpose of the transpose."""
    return jax.jvp(f, (x,), (tangent,))[1]


def linearize(f: Callable[..., Any], x: Any, tangent: Any) -> Any:
    """The linear map at a point = jvp."""
    out, linear = jax.linearize(f, x)
    return {"out": out, "jvp": linear(tangent)}


def jacrev(f_of_one: Callable[..., Any], one: Any) -> Any:
    """Jacobian by rows: u · J = vjp(u)."""
    return jax.jacrev(f_of_one)(one)


def jacfwd(f_of_one: Callable[..., Any], one: Any) -> Any:
    """Jacobian by columns = Jacobian by rows."""
    return jax.jacfwd(f_of_one)(one)


def hessian(loss_of_one: Callable[..., Any], one: Any) -> Any:
    """Symmetric, and H · v = hvp(v)."""
    return jax.hessian(loss_of_one)(one)


def hvp(loss: Callable[..., Any], x: Any, tangent: Any) -> Any:
    """Hessian times vector: forward over reverse = reverse over reverse."""
    return jax.jvp(jax.grad(loss), (x,), (tangent,))[1]


def third_order(loss: Callable[..., Any], x: Any, tangent: Any) -> Any:
    """Gradient of v · H v; its product with v = the third derivative along v."""

    def slope(x: Any) -> Any:
        return jax.jvp(loss, (x,), (tangent,))[1]

    def curvature(x: Any) -> Any:
        return jax.jvp(slope, (x,), (tangent,))[1]

    return jax.grad(curvature)(x)


def per_example(f: Callable[..., Any], batch: Any, cotangents: Any) -> Any:
    """`vmap` of `vjp`, a cotangent for each example = a loop."""

    def pulled(x: Any, cotangent: Any) -> Any:
        return jax.vjp(f, x)[1](cotangent)[0]

    return jax.vmap(pulled)(batch, jax.tree.map(lambda *leaves: jnp.stack(leaves), *cotangents))


def stop_gradient(loss: Callable[..., Any], x: Any) -> Any:
    """Gradient of loss · stop(loss) = loss · gradient."""

    def with_constant(x: Any) -> Any:
        return loss(x) * jax.lax.stop_gradient(loss(x))

    return jax.grad(with_constant)(x)


def relu_at_0() -> Any:
    """Subgradient at 0: 0 in both."""
    return jax.vmap(jax.grad(jax.nn.relu))(jnp.array([-1.0, 0.0, 2.0]))


def abs_at_0() -> Any:
    """Subgradient at 0: 1 in JAX, 0 in torch."""
    return jax.vmap(jax.grad(jnp.abs))(jnp.array([-1.0, 0.0, 2.0]))


def max_at_ties() -> Any:
    """JAX shares the cotangent among equals, torch gives it to one."""
    return jax.grad(lambda x: jnp.max(x, axis=0))(jnp.array([1.0, 3.0, 3.0]))


def maximum_at_ties() -> Any:
    """Both give a half to each."""
    return jax.grad(jnp.maximum, argnums=(0, 1))(2.0, 2.0)


def clamp_at_bound() -> Any:
    """JAX passes half of the cotangent, torch all of it."""
    return jax.vmap(jax.grad(lambda x: jnp.clip(x, -1, 1)))(jnp.array([-1.0, 0.5, 1.0, 3.0]))
