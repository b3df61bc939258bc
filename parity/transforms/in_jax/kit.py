"""The functions that are transformed, made from the caller's; stacking, inner products and the count of compilations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from parity.data.template import called, named
from parity.sides import JAX
from parity.transforms.function_pair import FunctionPair

Tree = Any
_executions = [0]


def operation(subject: FunctionPair, constants: Mapping[str, Any], *, floating: bool) -> Callable[..., Any]:
    """Arrays by name → outputs by name, floating ones alone or all arrays."""
    function, template, positional = subject.functions[JAX], subject.template, subject.arguments.positional

    def operation(arrays: Mapping[str, Any]) -> dict[str, Any]:
        _executions[0] += 1  # Python runs this when JAX traces it or calls it eagerly, and never once it is compiled
        out = named(called(function, template, positional, {**arrays, **constants}))
        return {name: leaf for name, leaf in out.items() if _is_wanted(leaf, floating)}

    return operation


def _is_wanted(leaf: Any, floating: bool) -> bool:
    return isinstance(leaf, jax.Array) and (not floating or jnp.issubdtype(leaf.dtype, jnp.floating))


def scalar(f: Callable[..., Any], cotangent: Mapping[str, Any]) -> Callable[..., Any]:
    """x ↦ Σ ⟨cotangent, sin f(x)⟩."""

    def loss(x: Mapping[str, Any]) -> Any:
        return sum(jnp.sum(cotangent[name] * jnp.sin(leaf)) for name, leaf in f(x).items())

    return loss


def of_one(function: Callable[..., Any], x: Mapping[str, Any], name: str) -> Callable[..., Any]:
    """The function of the input `name` alone; the others stay as in `x`."""
    return lambda leaf: function({**x, name: leaf})


def mapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """`jax.vmap` of the function."""
    return jax.vmap(function)


def stack(trees: list[Tree], axis: int = 0) -> Tree:
    """Stacks each leaf along a new axis; a scalar along axis 0."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves, min(axis, leaves[0].ndim)), *trees)


def inner(left: Tree, right: Tree) -> Any:
    """The inner product of two trees of the same names."""
    return sum(jnp.sum(left[name] * right[name]) for name in left)


def times(factor: Any, tree: Tree) -> Tree:
    """Each leaf times a number, or times one number for each example."""
    return jax.tree.map(lambda leaf: jnp.expand_dims(factor, tuple(range(factor.ndim, leaf.ndim))) * leaf, tree)


def gradient(loss: Callable[..., Any], x: Tree) -> Tree:
    """By `jax.vjp`: another way than the `jax.grad` of the cells."""
    value, pull = jax.vjp(loss, x)
    return pull(jnp.ones_like(value))[0]


def forget() -> None:
    """Frees what was compiled: a process that works through all operations would grow by gigabytes."""
    jax.clear_caches()


def executions() -> int:
    """How often Python has run the operation, to trace it or eagerly."""
    return _executions[0]
