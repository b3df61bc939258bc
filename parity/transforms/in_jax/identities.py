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


def eager(value: Any, whole: Function, arrays: Any) -> Pair:
    """The function without a compiler."""
    return value, whole(arrays)


def one_for_each(value: Any) -> Pair:
    """Compilations so far: one for each new shape and dtype."""
    return value, {"given": 1, "again": 1, "other shape": 2, "other dtype": 3}


def loop(value: Any, f: Function, examples: Any) -> Pair:
    """One example after the other."""
    return value, stack([f(example) for example in examples])


def mixed_loop(value: Any, f: Function, mixed_examples: Any) -> Pair:
    """One example after the other, with the shared inputs."""
    return value, stack([f(example) for example in mixed_examples])


def tree_loop(value: Any, f: Function, tree_examples: Any) -> Pair:
    """One example of the dictionary after the other."""
    return value, stack([f(example) for example in tree_examples])


def loop_axis_1(value: Any, f: Function, examples: Any) -> Pair:
    """A loop, stacked along the second axis."""
    return value, stack([f(example) for example in examples], axis=1)


def loop_axis_last(value: Any, f: Function, examples: Any) -> Pair:
    """A loop, stacked along the last axis."""
    return value, jax.tree.map(lambda *leaves: jnp.stack(leaves, axis=-1), *[f(example) for example in examples])


def nested_loop(value: Any, f: Function, grid_examples: Any) -> Pair:
    """Two loops."""
    out, half = [f(example) for example in grid_examples], len(grid_examples) // 2
    return value, stack([stack(out[:half]), stack(out[half:])])


def loop_of_1(value: Any, f: Function, examples: Any) -> Pair:
    """A loop over one example."""
    return value, stack([f(examples[0])])


def empty_shapes(value: Any, f: Function, x: Any) -> Pair:
    """The shapes of one call behind a batch of 0."""
    return value, {name: (0, *out.shape) for name, out in f(x).items()}


def random_as_asked(value: Any) -> Pair:
    """How many of 3 × 5 numbers differ when each example draws its own and when all share them; by default, an error."""
    return value, {"different": 15, "same": 5, "error": 1}


def part_of_gradient(value: Any, loss: Function, x: Any) -> Pair:
    """The first leaf of the whole gradient."""
    return value, next(iter(gradient_in_order(loss, x)))


def parts_of_gradient(value: Any, loss: Function, x: Any) -> Pair:
    """The first and the last leaf of the whole gradient."""
    leaves = gradient_in_order(loss, x)
    return value, (leaves[0], leaves[-1])


def named_part_of_gradient(value: Any, loss: Function, x: Any, chosen: str) -> Pair:
    """The chosen leaf of the whole gradient."""
    return value, {chosen: gradient_of(loss, x)[chosen]}


def value_and_gradient(value: Any, loss: Function, x: Any) -> Pair:
    """Value and gradient, each by itself."""
    return value, {"value": loss(x), "gradient": gradient_of(loss, x)}


def gradient_and_outputs(value: Any, loss: Function, f: Function, x: Any) -> Pair:
    """Gradient and outputs, each by itself."""
    return value, {"gradient": gradient_of(loss, x), "aux": f(x)}


def gradient_in_a_tree(value: Any, loss: Function, x: Any) -> Pair:
    """The leaves of the gradient by name."""
    return value, {"leaves": gradient_in_order(loss, x)}


def gradient_in_order(loss: Function, x: Any) -> list[Any]:
    """The leaves of the gradient in the order of `x`."""
    found = gradient_of(loss, x)
    return [found[name] for name in x]


def gradient_of_product(value: Any, f: Function, x: Any, cotangent: Any) -> Pair:
    """The gradient of ⟨cotangent, f(x)⟩."""
    return value, gradient_of(lambda x: inner(cotangent, f(x)), x)


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


def loss_times_gradient(value: Any, loss: Function, x: Any) -> Pair:
    """Loss times gradient."""
    return value, times(loss(x), gradient_of(loss, x))


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


def gradient(value: Any, loss: Function, x: Any) -> Pair:
    """The gradient without a compiler."""
    return value, gradient_of(loss, x)


def jvp_of_loss(value: Any, loss: Function, x: Any, tangent: Any) -> Pair:
    """⟨gradient, tangent⟩."""
    return value, inner(gradient_of(loss, x), tangent)


def loop_of_gradients(value: Any, loss: Function, examples: Any) -> Pair:
    """The gradient of one example after the other."""
    return value, stack([gradient_of(loss, example) for example in examples])


def pooled_and_separate(value: Any, loss: Function, examples: Any) -> Pair:
    """2 Σ loss · gradient against 2 loss · gradient, and that the two differ."""
    losses = jnp.stack([loss(example) for example in examples])
    gradients = stack([gradient_of(loss, example) for example in examples])
    expected = {"grad∘vmap": times(2 * losses.sum(), gradients), "vmap∘grad": times(2 * losses, gradients)}
    pooled, separate = (jnp.concatenate([leaf.ravel() for leaf in value[order].values()]) for order in expected)
    differ = jnp.abs(pooled - separate).max() > FLOAT64_EQUAL * jnp.abs(pooled).max()
    return {**value, "differ": int(differ)}, {**expected, "differ": 1}


def rejected(value: Any) -> Pair:
    """The framework refuses."""
    return value, {"rejected": 1}
