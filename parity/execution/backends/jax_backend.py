"""JAX: conversion, vector-Jacobian product, compilation, precision settings."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import dtypes as jax_dtypes

from parity.data.tree import add_leaf, join
from parity.execution.backends import Call, Evaluation


@contextlib.contextmanager
def settings(dtype: str) -> Iterator[None]:
    with jax.enable_x64(dtype == "float64"), jax.default_matmul_precision("highest"):
        yield


def from_numpy(array: np.ndarray) -> jax.Array:
    # jnp.array copies; device_put and from_dlpack may keep looking at NumPy's memory.
    converted = jnp.array(array)
    is_integer = array.dtype.kind in "iu"
    if converted.dtype != array.dtype and not is_integer:  # without x64 JAX narrows integers, and float64 silently
        raise TypeError(f"jax made {converted.dtype} of {array.dtype}: x64 is off")
    if converted.dtype != array.dtype and not np.array_equal(np.asarray(converted), array):
        raise OverflowError(f"{array.dtype} values do not fit {converted.dtype}, the widest that jax has without x64")
    return converted


def to_numpy(value: Any) -> np.ndarray:
    return np.array(value)


def compile(function: Callable[..., Any]) -> Callable[..., Any]:
    if jax.config.jax_disable_jit:  # type: ignore[attr-defined]
        raise RuntimeError("jax.jit is disabled (jax.disable_jit, JAX_DISABLE_JIT): nothing would be compiled")
    return jax.jit(function)


def wait(output: Any) -> Any:
    return jax.block_until_ready(output)


def _leaves(tree: Any) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda node: node is None)[0]:
        keys = (getattr(key, "key", getattr(key, "idx", getattr(key, "name", key))) for key in path)
        add_leaf(named, join("out", keys), leaf)
    return named


def _is_floating(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jnp.floating)


def evaluate(
    function: Callable[..., Any],
    call: Call,
    arrays: Mapping[str, jax.Array],
    wrt: tuple[str, ...],
    cotangent: Callable[[str, tuple[int, ...]], np.ndarray],
    compiled: bool,
) -> Evaluation:
    def split(differentiated: dict[str, Any], others: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        leaves = _leaves(call(function, {**differentiated, **others}))
        floating = {name: leaf for name, leaf in leaves.items() if _is_floating(leaf)}
        return floating, {name: leaf for name, leaf in leaves.items() if name not in floating}

    differentiated = {name: arrays[name] for name in wrt}
    others = {name: array for name, array in arrays.items() if name not in differentiated}
    target = compile(split) if compiled else split
    if wrt:
        floating, pull, rest = jax.vjp(lambda inputs: target(inputs, others), differentiated, has_aux=True)
        pulled_back = {
            name: jnp.asarray(cotangent(name, leaf.shape)).astype(leaf.dtype) for name, leaf in floating.items()
        }
        gradients = pull(pulled_back)[0] if floating else {}
    else:
        (floating, rest), gradients = target(differentiated, others), {}
    gradients = {
        name: jnp.zeros_like(arrays[name]) if gradient.dtype == jax_dtypes.float0 else gradient
        for name, gradient in gradients.items()
    }
    return Evaluation(wait({**floating, **rest}), wait(gradients))


def environment() -> dict[str, Any]:
    return {
        "version": jax.__version__,
        "devices": [str(device) for device in jax.devices()],
        "threads": os.environ.get("NPROC") or os.cpu_count(),
        "matmul_precision": "highest",
        "x64": "float64 rung only",
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
    }
