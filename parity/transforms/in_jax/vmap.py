"""`jax.vmap`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def in_axes_0(f: Callable[..., Any], batch: Any) -> Any:
    """Mapped over the first axis = a Python loop."""
    return jax.vmap(f, in_axes=0, out_axes=0)(batch)


def in_axes_1(f: Callable[..., Any], batch_1: Any) -> Any:
    """Mapped over the second axis = a Python loop."""
    return jax.vmap(f, in_axes=1)(batch_1)


def in_axes_last(f: Callable[..., Any], batch_last: Any) -> Any:
    """Mapped over the last axis = a Python loop."""
    return jax.vmap(f, in_axes=-1)(batch_last)


def in_axes_mixed(f: Callable[..., Any], first: Any, rest: Any) -> Any:
    """One input is mapped, the others are shared."""

    def joined(first: Any, rest: Any) -> Any:
        return f({**first, **rest})

    return jax.vmap(joined, in_axes=(0, None))(first, rest)


def in_axes_tree(f: Callable[..., Any], tree: Any, tree_axes: Any) -> Any:
    """An axis, or none, for each leaf of a dictionary."""
    return jax.vmap(f, in_axes=(tree_axes,))(tree)


def out_axes_1(f: Callable[..., Any], batch: Any, axes_out: Any) -> Any:
    """The mapped axis is the second of each output."""
    return jax.vmap(f, out_axes=axes_out)(batch)


def out_axes_last(f: Callable[..., Any], batch: Any) -> Any:
    """The mapped axis is the last of each output."""
    return jax.vmap(f, out_axes=-1)(batch)


def nested(f: Callable[..., Any], grid: Any) -> Any:
    """`vmap` of `vmap` = two loops."""
    return jax.vmap(jax.vmap(f))(grid)


def chunks(f: Callable[..., Any], batch: Any) -> Any:
    """Two examples at a time = all at once."""
    return jax.lax.map(f, batch, batch_size=2)


def batch_1(f: Callable[..., Any], batch_of_1: Any) -> Any:
    """A batch of one example keeps its axis."""
    return jax.vmap(f)(batch_of_1)


def batch_0(f: Callable[..., Any], batch_of_0: Any) -> Any:
    """An empty batch gives empty outputs of the right shape."""
    return {name: out.shape for name, out in jax.vmap(f)(batch_of_0).items()}


def randomness() -> Any:
    """The same or different random numbers for each example."""

    def noisy(key: Any, x: Any) -> Any:
        return x + jax.random.normal(key, x.shape)

    zeros = jnp.zeros((3, 5))
    keys = jax.random.split(jax.random.key(0), 3)
    different = jax.vmap(noisy)(keys, zeros)
    same = jax.vmap(noisy, in_axes=(None, 0))(keys[0], zeros)
    try:
        jax.random.normal(shape=(5,))  # type: ignore[call-arg]
        error = False
    except TypeError:  # no random number without a key
        error = True
    return {"different": len(jnp.unique(different)), "same": len(jnp.unique(same)), "error": int(error)}
