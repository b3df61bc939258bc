"""`torch.vmap`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def in_axes_0(f: Callable[..., Any], batch: Any) -> Any:
    """Mapped over the first axis = a Python loop."""
    return torch.vmap(f, in_dims=0, out_dims=0)(batch)


def in_axes_1(f: Callable[..., Any], batch_1: Any) -> Any:
    """Mapped over the second axis = a Python loop."""
    return torch.vmap(f, in_dims=1)(batch_1)


def in_axes_last(f: Callable[..., Any], batch_last: Any) -> Any:
    """Mapped over the last axis = a Python loop."""
    return torch.vmap(f, in_dims=-1)(batch_last)


def in_axes_mixed(f: Callable[..., Any], first: Any, rest: Any) -> Any:
    """One input is mapped, the others are shared."""

    def joined(first: Any, rest: Any) -> Any:
        return f({**first, **rest})

    return torch.vmap(joined, in_dims=(0, None))(first, rest)


def in_axes_tree(f: Callable[..., Any], tree: Any, tree_axes: Any) -> Any:
    """An axis, or none, for each leaf of a dictionary."""
    return torch.vmap(f, in_dims=(tree_axes,))(tree)


def out_axes_1(f: Callable[..., Any], batch: Any, axes_out: Any) -> Any:
    """The mapped axis is the second of each output."""
    return torch.vmap(f, out_dims=axes_out)(batch)


def out_axes_last(f: Callable[..., Any], batch: Any) -> Any:
    """The mapped axis is the last of each output."""
    return torch.vmap(f, out_dims=-1)(batch)


def nested(f: Callable[..., Any], grid: Any) -> Any:
    """`vmap` of `vmap` = two loops."""
    return torch.vmap(torch.vmap(f))(grid)


def chunks(f: Callable[..., Any], batch: Any) -> Any:
    """Two examples at a time = all at once."""
    return torch.vmap(f, chunk_size=2)(batch)


def batch_1(f: Callable[..., Any], batch_of_1: Any) -> Any:
    """A batch of one example keeps its axis."""
    return torch.vmap(f)(batch_of_1)


def batch_0(f: Callable[..., Any], batch_of_0: Any) -> Any:
    """An empty batch gives empty outputs of the right shape."""
    return {name: tuple(out.shape) for name, out in torch.vmap(f)(batch_of_0).items()}


def randomness() -> Any:
    """The same or different random numbers for each example."""

    def noisy(x: torch.Tensor) -> torch.Tensor:
        return x + torch.randn(x.shape)

    zeros = torch.zeros((3, 5))
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        different = torch.vmap(noisy, randomness="different")(zeros)
        same = torch.vmap(noisy, randomness="same")(zeros)
        try:
            torch.vmap(noisy, randomness="error")(zeros)  # the default
            error = False
        except RuntimeError:
            error = True
    return {"different": len(different.unique()), "same": len(same.unique()), "error": int(error)}
