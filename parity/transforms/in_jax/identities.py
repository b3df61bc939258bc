"""What must hold inside JAX for a cell: each function returns two values that are equal, the cell's own first.

They are made without the transformation that the cell is about, or by another one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from parity.judge.tolerances import FLOAT64_EQUAL
from parity.transforms.in_jax.kit import gradient as gradient_of
from parity.transforms.in_jax.kit import inner, stack, times

Function = Callable[..., Any]
Pair = tuple[Any, Any]


def loop_axis_last(value: Any, f: Function, examples: Any) -> Pair:
    """A loop, stacked along the last axis."""
    return value, jax.tree.map(lambda *leaves: jnp.stack(leaves, axis=-1), *[f(example) for example in examples])


def transposed_twice(value: Any, f: Function, x: Any, tangent: Any, cotangent: Any) -> Pair:
    """The transpose of vjp, which is linear in its cotangent."""
    transpose = jax.vjp(f, x)[1]
    again = jax.vjp(lambda u: transpose(u)[0], cotangent)[1]
    return value, again(tangent)[0]


def outputs_and_jvp(value: Any, f: Function, x: Any, tangent: Any) -> Pair:
    """Outputs and jvp, each by itself."""
    return value, {"out": f(x), "jvp": jax.jvp(f, (x,), (tangent,))[1]}


def rows_times_cotangent(value: Any, f_of_one: Function, one: Any, cotangent: Any) -> Pair:
    """The cotangent times the Jacobian against vjp."""
    rows = sum(jnp.tensordot(cotangent[name], value[name], cotangent[name].ndim) for name in cotangent)
    return rows, jax.vjp(f_of_one, one)[1](cotangent)[0]


def jacrev(value: Any, f_of_one: Function, one: Any) -> Pair:
    """The Jacobian by rows."""
    return value, jax.jacrev(f_of_one)(one)


def symmetric_and_times_v(value: Any, loss_of_one: Function, one: Any, direction: Any) -> Pair:
    """The Hessian against its transpose; its product with a vector against reverse over reverse."""
    square = value.reshape(one.size, one.size)
    product = jnp.tensordot(value, direction, one.ndim)
    expected = jax.grad(lambda one: jnp.vdot(jax.grad(loss_of_one)(one), direction))(one)
    return {"transpose": square.T, "times v": product}, {"transpose": square, "times v": expected}


def reverse_over_reverse(value: Any, loss: Function, x: Any, tangent: Any) -> Pair:
    """The gradient of ⟨gradient, tangent⟩."""
    return value, jax.grad(lambda x: inner(jax.grad(loss)(x), tangent))(x)


def symmetric(value: Any, loss: Function, x: Any, tangent: Any, another_tangent: Any) -> Pair:
    """⟨H · v, w⟩ against ⟨H · w, v⟩."""
    other = jax.grad(lambda x: inner(jax.grad(loss)(x), another_tangent))(x)
    return inner(value, another_tangent), inner(other, tangent)


def along_v(value: Any, loss: Function, x: Any, tangent: Any) -> Pair:
    """Three derivatives of a step along the tangent."""

    def along(step: Any) -> Any:
        return loss({name: x[name] + step * tangent[name] for name in x})

    return inner(value, tangent), jax.grad(jax.grad(jax.grad(along)))(jnp.zeros(()))


def loop_of_vjp(value: Any, f: Function, examples: Any, cotangents: Any) -> Pair:
    """vjp of one example after the other."""
    return value, stack([jax.vjp(f, x)[1](u)[0] for x, u in zip(examples, cotangents, strict=True)])


def relu_convention(value: Any) -> Pair:
    """What this framework gives at -1, 0 and 2."""
    return value, jnp.array([0.0, 0.0, 1.0])


def abs_convention(value: Any) -> Pair:
    """What this framework gives at -1, 0 and 2."""
    return value, jnp.array([-1.0, 1.0, 1.0])


def max_convention(value: Any) -> Pair:
    """What this framework gives for the largest of 1, 3 and 3."""
    return value, jnp.array([0.0, 0.5, 0.5])


def maximum_convention(value: Any) -> Pair:
    """What this framework gives for the larger of 2 and 2."""
    return value, (jnp.array(0.5), jnp.array(0.5))


def clamp_convention(value: Any) -> Pair:
    """What this framework gives at -1, 0.5, 1 and 3, clamped to [-1, 1]."""
    return value, jnp.array([0.5, 1.0, 0.5, 0.0])


def pooled_and_separate(value: Any, loss: Function, examples: Any) -> Pair:
    """2 Σ loss · gradient against 2 loss · gradient, and that the two differ."""
    losses = jnp.stack([loss(example) for example in examples])
    gradients = stack([gradient_of(loss, example) for example in examples])
    expected = {"grad∘vmap": times(2 * losses.sum(), gradients), "vmap∘grad": times(2 * losses, gradients)}
    pooled, separate = (jnp.concatenate([leaf.ravel() for leaf in value[order].values()]) for order in expected)
    differ = jnp.abs(pooled - separate).max() > FLOAT64_EQUAL * jnp.abs(pooled).max()
    return {**value, "differ": int(differ)}, {**expected, "differ": 1}
