"""What must hold inside either framework for a cell: each function returns two values that are equal, the cell's own first.

They are made without the transformation that the cell is about. What they compute with is the framework's own: `kit` is the
module of that name in `in_jax` or `in_torch`. Identities that need more of a framework are in its `identities.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Function = Callable[..., Any]
Pair = tuple[Any, Any]


def eager(value: Any, whole: Function, arrays: Any) -> Pair:
    """The function without a compiler."""
    return value, whole(arrays)


def one_for_each(value: Any) -> Pair:
    """Compilations so far: one for each new shape and dtype."""
    return value, {"given": 1, "again": 1, "other shape": 2, "other dtype": 3}


def loop(value: Any, f: Function, examples: Any, kit: Any) -> Pair:
    """One example after the other."""
    return value, kit.stack([f(example) for example in examples])


def mixed_loop(value: Any, f: Function, mixed_examples: Any, kit: Any) -> Pair:
    """One example after the other, with the shared inputs."""
    return value, kit.stack([f(example) for example in mixed_examples])


def tree_loop(value: Any, f: Function, tree_examples: Any, kit: Any) -> Pair:
    """One example of the dictionary after the other."""
    return value, kit.stack([f(example) for example in tree_examples])


def loop_axis_1(value: Any, f: Function, examples: Any, kit: Any) -> Pair:
    """A loop, stacked along the second axis."""
    return value, kit.stack([f(example) for example in examples], axis=1)


def nested_loop(value: Any, f: Function, grid_examples: Any, kit: Any) -> Pair:
    """Two loops."""
    out, half = [f(example) for example in grid_examples], len(grid_examples) // 2
    return value, kit.stack([kit.stack(out[:half]), kit.stack(out[half:])])


def loop_of_1(value: Any, f: Function, examples: Any, kit: Any) -> Pair:
    """A loop over one example."""
    return value, kit.stack([f(examples[0])])


def empty_shapes(value: Any, f: Function, x: Any) -> Pair:
    """The shapes of one call behind a batch of 0."""
    return value, {name: (0, *out.shape) for name, out in f(x).items()}


def random_as_asked(value: Any) -> Pair:
    """How many of 3 × 5 numbers differ when each example draws its own and when all share them; by default, an error."""
    return value, {"different": 15, "same": 5, "error": 1}


def part_of_gradient(value: Any, loss: Function, x: Any, kit: Any) -> Pair:
    """The first leaf of the whole gradient."""
    return value, next(iter(gradient_in_order(kit, loss, x)))


def parts_of_gradient(value: Any, loss: Function, x: Any, kit: Any) -> Pair:
    """The first and the last leaf of the whole gradient."""
    leaves = gradient_in_order(kit, loss, x)
    return value, (leaves[0], leaves[-1])


def named_part_of_gradient(value: Any, loss: Function, x: Any, chosen: str, kit: Any) -> Pair:
    """The chosen leaf of the whole gradient."""
    return value, {chosen: kit.gradient(loss, x)[chosen]}


def value_and_gradient(value: Any, loss: Function, x: Any, kit: Any) -> Pair:
    """Value and gradient, each by itself."""
    return value, {"value": loss(x), "gradient": kit.gradient(loss, x)}


def gradient_and_outputs(value: Any, loss: Function, f: Function, x: Any, kit: Any) -> Pair:
    """Gradient and outputs, each by itself."""
    return value, {"gradient": kit.gradient(loss, x), "aux": f(x)}


def gradient_in_a_tree(value: Any, loss: Function, x: Any, kit: Any) -> Pair:
    """The leaves of the gradient by name."""
    return value, {"leaves": gradient_in_order(kit, loss, x)}


def gradient_in_order(kit: Any, loss: Function, x: Any) -> list[Any]:
    """The leaves of the gradient in the order of `x`."""
    found = kit.gradient(loss, x)
    return [found[name] for name in x]


def gradient_of_product(value: Any, f: Function, x: Any, cotangent: Any, kit: Any) -> Pair:
    """The gradient of ⟨cotangent, f(x)⟩."""
    return value, kit.gradient(lambda x: kit.inner(cotangent, f(x)), x)


def loss_times_gradient(value: Any, loss: Function, x: Any, kit: Any) -> Pair:
    """Loss times gradient."""
    return value, kit.times(loss(x), kit.gradient(loss, x))


def gradient(value: Any, loss: Function, x: Any, kit: Any) -> Pair:
    """The gradient without a compiler."""
    return value, kit.gradient(loss, x)


def jvp_of_loss(value: Any, loss: Function, x: Any, tangent: Any, kit: Any) -> Pair:
    """⟨gradient, tangent⟩."""
    return value, kit.inner(kit.gradient(loss, x), tangent)


def loop_of_gradients(value: Any, loss: Function, examples: Any, kit: Any) -> Pair:
    """The gradient of one example after the other."""
    return value, kit.stack([kit.gradient(loss, example) for example in examples])


def rejected(value: Any) -> Pair:
    """The framework refuses."""
    return value, {"rejected": 1}
