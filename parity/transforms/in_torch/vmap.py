"""`torch.vmap`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def in_axes_0(f: Callable[..., Any], batch: Any) -> Any:
    return torch.vmap(f, in_dims=0, out_dims=0)(batch)


def in_axes_1(f: Callable[..., Any], batch_1: Any) -> Any:
    return torch.vmap(f, in_dims=1)(batch_1)


def in_axes_last(f: Callable[..., Any], batch_last: Any) -> Any:
    return torch.vmap(f, in_dims=-1)(batch_last)


def in_axes_mixed(f: Callable[..., Any], first: Any, rest: Any) -> Any:
    def joined(first: Any, rest: Any) -> Any:
        return f({**first, **rest})

    return torch.vmap(joined, in_dims=(0, None))(first, rest)


def in_axes_tree(f: Callable[..., Any], tree: Any, tree_axes: Any) -> Any:
    return torch.vmap(f, in_dims=(tree_axes,))(tree)


def out_axes_1(f: Callable[..., Any], batch: Any, axes_out: Any) -> Any:
    return torch.vmap(f, out_dims=axes_out)(batch)


def out_axes_last(f: Callable[..., Any], batch: Any) -> Any:
    return torch.vmap(f, out_dims=-1)(batch)


def nested(f: Callable[..., Any], grid: Any) -> Any:
    return torch.vmap(torch.vmap(f))(grid)


def chunks(f: Callable[..., Any], batch: Any) -> Any:
    return torch.vmap(f, chunk_size=2)(batch)


def batch_1(f: Callable[..., Any], batch_of_1: Any) -> Any:
    return torch.vmap(f)(batch_of_1)


def batch_0(f: Callable[..., Any], batch_of_0: Any) -> Any:
    return {name: tuple(out.shape) for name, out in torch.vmap(f)(batch_of_0).items()}


def randomness() -> Any:
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
