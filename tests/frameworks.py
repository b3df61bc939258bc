"""What the tests call in a framework: one class for each backend, which imports its framework when it is used.

Inputs and results are NumPy arrays in trees by name. `jit`, `vmap` and `gradient` return a function whose keyword
arguments are the framework's own arrays; `run` converts, calls it and converts back, all in one dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ml_dtypes
import numpy as np
import optree


class Jax:
    @staticmethod
    def run(function: Callable[..., Any], inputs: Mapping[str, Any], dtype: str = "float64") -> Any:
        import jax
        import jax.numpy as jnp

        def convert(leaf: Any) -> Any:
            if not isinstance(leaf, np.ndarray):
                return leaf
            array = jnp.asarray(leaf)
            return array.astype(dtype) if is_floating(leaf) else array

        # Back in NumPy before x64 ends: outside, some operations make float32 of a float64 array without a word.
        with jax.enable_x64(dtype == "float64"):
            out = function(**optree.tree_map(convert, dict(inputs)))
            return optree.tree_map(np.array, out)

    @staticmethod
    def jit(function: Callable[..., Any], static: tuple[str, ...] = ()) -> Callable[..., Any]:
        import jax

        return jax.jit(function, static_argnames=static)

    @staticmethod
    def vmap(function: Callable[..., Any], static: tuple[str, ...] = ()) -> Callable[..., Any]:
        import jax

        def call(**inputs: Any) -> Any:
            constants = {name: inputs.pop(name) for name in static}
            return jax.vmap(lambda mapped: function(**mapped, **constants))(inputs)

        return call

    @staticmethod
    def gradient(function: Callable[..., Any], wrt: tuple[str, ...]) -> Callable[..., Any]:
        import jax

        def call(cotangents: Any, **inputs: Any) -> Any:
            chosen = {name: inputs.pop(name) for name in wrt}
            _, vjp = jax.vjp(lambda varied: function(**varied, **inputs), chosen)
            return vjp(cotangents)[0]

        return call


class Torch:
    @staticmethod
    def run(function: Callable[..., Any], inputs: Mapping[str, Any], dtype: str = "float64") -> Any:
        import torch

        def convert(leaf: Any) -> Any:
            if not isinstance(leaf, np.ndarray):
                return leaf
            return torch.tensor(leaf, dtype=getattr(torch, dtype) if is_floating(leaf) else None)

        def numpy(leaf: Any) -> Any:
            if not isinstance(leaf, torch.Tensor):
                return leaf
            leaf = leaf.detach()
            if leaf.dtype == torch.bfloat16:
                return leaf.view(torch.uint16).numpy().view(ml_dtypes.bfloat16)
            return leaf.numpy()

        return optree.tree_map(numpy, function(**optree.tree_map(convert, dict(inputs))))

    @staticmethod
    def jit(function: Callable[..., Any], static: tuple[str, ...] = ()) -> Callable[..., Any]:
        import torch
        from torch._dynamo.utils import counters

        torch.compiler.reset()
        counters.clear()
        compiled = torch.compile(function, fullgraph=True)

        def call(**inputs: Any) -> Any:
            out = compiled(**inputs)
            # A frame that once failed to trace runs eagerly from then on, without an error.
            assert counters["stats"]["unique_graphs"] > 0, "nothing was compiled"
            return out

        return call

    @staticmethod
    def vmap(function: Callable[..., Any], static: tuple[str, ...] = ()) -> Callable[..., Any]:
        import torch

        def call(**inputs: Any) -> Any:
            constants = {name: inputs.pop(name) for name in static}
            return torch.func.vmap(lambda mapped: function(**mapped, **constants))(inputs)

        return call

    @staticmethod
    def gradient(function: Callable[..., Any], wrt: tuple[str, ...]) -> Callable[..., Any]:
        import torch

        def call(cotangents: Any, **inputs: Any) -> Any:
            leaves, tree = optree.tree_flatten({name: inputs.pop(name) for name in wrt})
            leaves = [leaf.requires_grad_() for leaf in leaves]
            out = function(**tree.unflatten(leaves), **inputs)
            pulled = torch.autograd.grad(optree.tree_leaves(out), leaves, optree.tree_leaves(cotangents))
            return tree.unflatten(pulled)

        return call


def framework(backend: str) -> type[Jax] | type[Torch]:
    return {"jax": Jax, "torch": Torch}[backend]


def is_floating(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray) and np.issubdtype(leaf.dtype, np.floating)


def to_float64(inputs: Any) -> Any:
    return optree.tree_map(lambda leaf: leaf.astype(np.float64) if is_floating(leaf) else leaf, inputs)


def scaled_error(actual: Any, expected: Any) -> float:
    """Largest max |actual - expected| / max |expected| of all leaves, which must have the same names and shapes."""
    assert optree.tree_paths(actual) == optree.tree_paths(expected)
    errors = []
    for path, one, other in zip(
        optree.tree_paths(expected), optree.tree_leaves(actual), optree.tree_leaves(expected), strict=True
    ):
        one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
        assert one.shape == other.shape, path
        largest = np.abs(other).max()
        assert largest > 0, f"{path}: all zero, so that nothing could differ"
        errors.append(np.abs(one - other).max() / largest)
    assert errors, "nothing to compare"
    return float(np.max(errors))  # NaN stays NaN, and fails every comparison
