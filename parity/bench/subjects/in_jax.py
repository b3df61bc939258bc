"""Programs to be timed in JAX: the forward pass, or outputs and gradients as one whole."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from parity.bench.subjects.prepared import Prepared
from parity.data.arguments import Arguments
from parity.data.inputs import cotangent
from parity.data.template import Slot, called, named
from parity.execution import backends

COMPILATION = "/jax/core/compile/backend_compile_duration"
Arrays = Mapping[str, jax.Array]


def prepared(
    function: Callable[..., Any],
    arguments: Arguments,
    kind: str,
    mode: str,
    variants: Sequence[Mapping[str, np.ndarray]],
    device: str,
) -> Prepared:
    """The function, on each of `variants`; compiled as a whole under `jax.jit`, to which nothing is donated."""
    target, convert = find(device), backends.get("jax").from_numpy
    sets: list[Any] = [{n: jax.device_put(convert(array), target) for n, array in v.items()} for v in variants]
    by_name = _forward(function, arguments)
    if kind == "gradient":
        cotangents = _cotangents(by_name, sets[0], target)
        sets = [(arrays, cotangents) for arrays in sets]
        whole: Callable[[Any], Any] = _gradient(by_name, arguments.wrt)
    elif mode == "eager":
        # As it is called without a compiler; taking the names apart would be timed too.
        return Prepared(
            lambda tree: arguments.call(function, tree), [arguments.tree(arrays) for arrays in sets], is_named=False
        )
    else:
        whole = by_name
    return Prepared(backends.get("jax").compile(whole) if mode == "compiled" else whole, sets, is_named=True)


def _forward(function: Callable[..., Any], arguments: Arguments) -> Callable[[Arrays], dict[str, jax.Array]]:
    """Arrays by name → outputs by name. What is no array is a constant to the compiler."""
    template = arguments.tree({name: Slot(name) for name in arguments.arrays})
    return lambda arrays: named(called(function, template, arguments.positional, arrays))


def _gradient(forward: Callable[[Arrays], dict[str, jax.Array]], wrt: tuple[str, ...]) -> Callable[[Any], Any]:
    """(arrays, cotangents) by name → outputs and gradients by name."""

    def gradient(arrays_and_cotangents: tuple[Arrays, Arrays]) -> dict[str, jax.Array]:
        arrays, cotangents = arrays_and_cotangents
        others = {name: array for name, array in arrays.items() if name not in wrt}

        def outputs(given: Arrays) -> tuple[Any, Any]:
            leaves = forward({**others, **given})
            return {name: leaves.pop(name) for name in cotangents}, leaves

        floating, pull, rest = jax.vjp(outputs, {name: arrays[name] for name in wrt}, has_aux=True)
        return {**floating, **rest, **{f"grad/{name}": leaf for name, leaf in pull(cotangents)[0].items()}}

    return gradient


def _cotangents(
    forward: Callable[[Arrays], dict[str, jax.Array]], arrays: Arrays, target: jax.Device
) -> dict[str, jax.Array]:
    shapes = {
        n: leaf for n, leaf in jax.eval_shape(forward, arrays).items() if jnp.issubdtype(leaf.dtype, jnp.floating)
    }
    pulled = {name: jnp.asarray(cotangent(name, leaf.shape)).astype(leaf.dtype) for name, leaf in shapes.items()}
    return {name: jax.device_put(array, target) for name, array in pulled.items()}


def find(device: str) -> Any:
    """The first device of this kind, `cpu` or `cuda`; RuntimeError if JAX sees none."""
    return jax.devices(device)[0]


@contextlib.contextmanager
def ready_to_compile() -> Iterator[None]:
    """Nothing that was compiled before is found in memory."""
    jax.clear_caches()
    yield


@contextlib.contextmanager
def counted_compilations() -> Iterator[Callable[[], int]]:
    """How many programs XLA made since the block began, those that came out of the cache on disk too."""
    count = 0

    def listen(event: str, duration_secs: float, **kwargs: str | int) -> None:
        nonlocal count
        count += event == COMPILATION

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield lambda: count
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def graph_breaks() -> int:
    """`jax.jit` compiles a whole function or raises."""
    return 0
