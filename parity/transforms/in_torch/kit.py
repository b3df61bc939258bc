"""The functions that are transformed, made from the caller's; stacking, inner products and the count of compilations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils import _pytree as pytree

from parity.data.template import called, named
from parity.sides import TORCH
from parity.transforms.function_pair import FunctionPair

Tree = Any


def operation(subject: FunctionPair, constants: Mapping[str, Any], *, floating: bool) -> Callable[..., Any]:
    """Tensors by name → outputs by name, floating ones alone or all tensors."""
    function, template, positional = subject.functions[TORCH], subject.template, subject.arguments.positional

    def operation(arrays: Mapping[str, Any]) -> dict[str, Any]:
        out = named(called(function, template, positional, {**arrays, **constants}))
        return {name: leaf for name, leaf in out.items() if _is_wanted(leaf, floating)}

    return operation


def _is_wanted(leaf: Any, floating: bool) -> bool:
    return isinstance(leaf, torch.Tensor) and (not floating or leaf.is_floating_point())


def scalar(f: Callable[..., Any], cotangent: Mapping[str, Any]) -> Callable[..., Any]:
    """x ↦ Σ ⟨cotangent, sin f(x)⟩."""

    def loss(x: Mapping[str, Any]) -> Any:
        return sum((cotangent[name] * leaf.sin()).sum() for name, leaf in f(x).items())

    return loss


def of_one(function: Callable[..., Any], x: Mapping[str, Any], name: str) -> Callable[..., Any]:
    """The function of the input `name` alone; the others stay as in `x`."""
    return lambda leaf: function({**x, name: leaf})


def mapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """`torch.vmap` of the function."""
    return torch.vmap(function)


def stack(trees: list[Tree], axis: int = 0) -> Tree:
    """Stacks each leaf along a new axis; a scalar along axis 0."""
    return pytree.tree_map(lambda *leaves: torch.stack(leaves, min(axis, leaves[0].ndim)), *trees)


def inner(left: Tree, right: Tree) -> Any:
    """The inner product of two trees of the same names."""
    return sum((left[name] * right[name]).sum() for name in left)


def times(factor: Any, tree: Tree) -> Tree:
    """Each leaf times a number, or times one number for each example."""
    return pytree.tree_map(lambda leaf: factor.reshape(factor.shape + (1,) * (leaf.ndim - factor.ndim)) * leaf, tree)


def gradient(loss: Callable[..., Any], x: Tree) -> Tree:
    """By `torch.autograd`: another way than the `torch.func` of the cells."""
    sources = {name: leaf.detach().clone().requires_grad_() for name, leaf in x.items()}
    pulled = torch.autograd.grad(loss(sources), list(sources.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(sources, pulled, strict=True))


def forget() -> None:
    """Frees what was compiled: a process that works through all operations would grow by gigabytes."""
    torch.compiler.reset()


def executions() -> int:
    """Dynamo does not tell how often Python ran the operation."""
    return 0
