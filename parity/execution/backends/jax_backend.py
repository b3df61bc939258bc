"""JAX: conversion, vector-Jacobian product, compilation, precision settings."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import dtypes as jax_dtypes

from parity.data.inputs import cotangent as seeded_cotangent
from parity.data.leaf import Kind, LeafName
from parity.data.tree import add_leaf, join
from parity.execution.backends import CALLERS, HIGHEST, Call, Cotangent, Evaluation, check_device, no_device
from parity.sides import JAX

TRACES_CONSTANTS = True
CONJUGATES_GRADIENTS = False
COMPILATION = "/jax/core/compile/backend_compile_duration"
HIT, MISS = "/jax/compilation_cache/cache_hits", "/jax/compilation_cache/cache_misses"


@contextlib.contextmanager
def settings(dtype: str, device: str = "cpu", precision: str = HIGHEST) -> Iterator[None]:
    target = find_device(device)
    # Only where it changes something: the default device is part of the key of everything compiled.
    on_device = contextlib.nullcontext() if jax.devices()[0] == target else jax.default_device(target)
    is_callers = precision == CALLERS and dtype != "float64"
    products = contextlib.nullcontext() if is_callers else jax.default_matmul_precision("highest")
    with jax.enable_x64(dtype == "float64"), products, on_device:
        yield


def find_device(device: str) -> Any:
    check_device(device)
    try:
        return jax.devices(device)[0]
    except RuntimeError as error:
        raise no_device(device, JAX, error) from error


def from_numpy(array: np.ndarray, device: str = "cpu") -> jax.Array:
    # jnp.array copies; device_put and from_dlpack may keep looking at NumPy's memory.
    converted = jnp.array(array)
    is_integer = array.dtype.kind in "iu"
    if converted.dtype != array.dtype and not is_integer:  # without x64 JAX narrows integers, and float64 silently
        raise TypeError(f"jax made {converted.dtype} of {array.dtype}: x64 is off")
    if converted.dtype != array.dtype and not np.array_equal(np.asarray(converted), array):
        raise OverflowError(f"{array.dtype} values do not fit {converted.dtype}, the widest that jax has without x64")
    target = find_device(device)
    return converted if converted.devices() == {target} else jax.device_put(converted, target)


def to_numpy(value: Any) -> np.ndarray:
    return np.array(value)


def leaves(tree: Any) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda node: node is None)[0]:
        keys = (getattr(key, "key", getattr(key, "idx", getattr(key, "name", key))) for key in path)
        add_leaf(named, join(Kind.OUTPUT, keys), leaf)
    return named


def is_inexact(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jnp.inexact)


def evaluate(
    function: Callable[..., Any],
    call: Call,
    arrays: Mapping[str, jax.Array],
    wrt: tuple[str, ...],
    cotangent: Cotangent,
    compiled: bool,
) -> Evaluation:
    def split(differentiated: dict[str, Any], others: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        named = leaves(call(function, {**differentiated, **others}))
        floating = {name: leaf for name, leaf in named.items() if is_inexact(leaf)}
        return floating, {name: leaf for name, leaf in named.items() if name not in floating}

    differentiated = {name: arrays[name] for name in wrt}
    others = {name: array for name, array in arrays.items() if name not in differentiated}
    target = compile(split) if compiled else split
    if wrt:
        floating, pull, rest = jax.vjp(lambda inputs: target(inputs, others), differentiated, has_aux=True)
        gradients = pull(_cotangents(floating, cotangent))[0] if floating else {}
    else:
        (floating, rest), gradients = target(differentiated, others), {}
    gradients = {
        name: jnp.zeros_like(arrays[name]) if gradient.dtype == jax_dtypes.float0 else gradient
        for name, gradient in gradients.items()
    }
    return Evaluation(wait({**floating, **rest}), wait(gradients))


def with_gradient(
    forward: Callable[..., Any], arrays: Mapping[str, jax.Array], wrt: tuple[str, ...], compiled: bool
) -> tuple[Callable[[Any], Any], Any]:
    def gradient(arrays_and_cotangents: Any) -> dict[str, jax.Array]:
        arrays, cotangents = arrays_and_cotangents
        others = {name: array for name, array in arrays.items() if name not in wrt}

        def outputs(given: Mapping[str, jax.Array]) -> tuple[Any, Any]:
            named = forward({**others, **given})
            return {name: named.pop(name) for name in cotangents}, named

        floating, pull, rest = jax.vjp(outputs, {name: arrays[name] for name in wrt}, has_aux=True)
        gradients = pull(cotangents)[0]
        return {**floating, **rest, **{LeafName.of(Kind.GRADIENT, name): leaf for name, leaf in gradients.items()}}

    shapes = jax.eval_shape(forward, arrays)
    floating = {name: leaf for name, leaf in shapes.items() if jnp.issubdtype(leaf.dtype, jnp.inexact)}
    return gradient, _cotangents(floating, seeded_cotangent)


def _cotangents(floating: Mapping[str, Any], cotangent: Cotangent) -> dict[str, jax.Array]:
    return {
        name: jnp.asarray(cotangent(name, leaf.shape, leaf.dtype.kind == "c")).astype(leaf.dtype)
        for name, leaf in floating.items()
    }


def compile(function: Callable[..., Any], *, fresh: bool = True) -> Callable[..., Any]:
    _refuse_disabled()
    return jax.jit(function)


@contextlib.contextmanager
def fresh_compiler() -> Iterator[None]:
    _refuse_disabled()
    jax.clear_caches()
    yield


def _refuse_disabled() -> None:
    if jax.config.jax_disable_jit:  # type: ignore[attr-defined]
        raise RuntimeError("jax.jit is disabled (jax.disable_jit, JAX_DISABLE_JIT): nothing would be compiled")


@contextlib.contextmanager
def count_compilations() -> Iterator[Callable[[], int]]:
    count = 0

    def listen(event: str, duration_secs: float, **_: Any) -> None:
        nonlocal count
        count += event == COMPILATION

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield lambda: count
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


@contextlib.contextmanager
def count_disk_cache() -> Iterator[Callable[[], tuple[int, int]]]:
    # A miss is counted when the new program is written; one that is too small or too quick to be kept is neither.
    counts = {HIT: 0, MISS: 0}

    def listen(event: str, **_: object) -> None:
        if event in counts:
            counts[event] += 1

    jax.monitoring.register_event_listener(listen)
    try:
        yield lambda: (counts[HIT], counts[MISS])
    finally:
        jax.monitoring.unregister_event_listener(listen)


def graph_breaks() -> int:
    return 0  # jax.jit compiles a whole function or raises


def wait(output: Any) -> Any:
    return jax.block_until_ready(output)


def draws() -> AbstractContextManager[list[str]]:
    return contextlib.nullcontext([])  # every draw of JAX is made of a key, which the function is given or makes


def environment(device: str = "cpu", precision: str = HIGHEST) -> dict[str, Any]:
    find_device(device)
    products = jax.config.jax_default_matmul_precision or "default"  # type: ignore[attr-defined]
    return {
        "version": jax.__version__,
        "devices": [str(one) for one in jax.devices(device)],
        "threads": os.environ.get("NPROC") or os.cpu_count(),
        "matmul_precision": products if precision == CALLERS else "highest",
        "x64": "float64 rung only",
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
    }
