"""The peak rates of this machine, for the roofline model (Williams, Waterman and Patterson 2009, doi:10.1145/1498765.1498785).

A program needs at least the time of its floating-point operations at the best rate of a matrix product, and at least the time
of its bytes at the best rate of a copy.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from statistics import median
from typing import Any

import numpy as np

from parity.bench.timing import cache_flush
from parity.bench.timing.clock import Call, alternate
from parity.data.dtypes import cast
from parity.data.inputs import normal
from parity.execution import backends
from parity.sides import JAX, TORCH

# The matrices of the product are doubled until a call takes LEAST_CALL_S, which makes its launch negligible.
FIRST_SIZE, LARGEST_SIZE = 1024, 8192
LEAST_CALL_S = 2e-3


def limits(dtype: str, threads: int, device: str = "cpu", budget_s: float = 1.0) -> dict[str, Any]:
    """The two limits of the roofline model, each from the faster framework.

    Args:
        threads: the number this process was started with (`use_threads`): JAX takes part only if `NPROC` says the same;
            torch is set to it and restored.
        budget_s: seconds of timing, half for each limit; more on a slow machine.

    Returns:
        `flops_per_s`: floating-point operations per second of a large matrix product in `dtype`; `bytes_per_s`: bytes read
        plus bytes written per second of a copy far larger than the caches; `measured_by`: the framework that reached `flops`
        and the one that reached `bytes`.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    sides = [TORCH] + [JAX] * (os.environ.get("NPROC", str(threads)) == str(threads))
    try:
        with backends.get(TORCH).settings(dtype), backends.get(JAX).settings(dtype):
            size = _size(dtype, device)
            left, right = _operands(size, dtype)
            products = {name: _PRODUCTS[name](left, right, device) for name in sides}
            flops, by_flops = _best(products, 2.0 * size**3, budget_s / 2)
            moved, by_bytes = _best(
                {name: _COPIES[name](device) for name in sides}, 2.0 * cache_flush.BYTES, budget_s / 2
            )
    finally:
        torch.set_num_threads(before)
    return {"flops_per_s": flops, "bytes_per_s": moved, "measured_by": {"flops": by_flops, "bytes": by_bytes}}


def share_of_limit(cost: Mapping[str, float], seconds: float, limits: Mapping[str, Any]) -> float | None:
    """The least time that the roofline model allows for `cost` (`flops`, `bytes`) / `seconds`; None if either is unknown.

    A share above 1 is possible: bytes that stay in a cache between calls move faster than in a copy.
    """
    least = [
        cost[amount] / limits[rate]
        for amount, rate in (("flops", "flops_per_s"), ("bytes", "bytes_per_s"))
        if cost.get(amount) and limits.get(rate)
    ]
    return max(least) / seconds if least and seconds > 0 else None


def _best(calls: Mapping[str, Call], amount: float, budget_s: float) -> tuple[float, str]:
    """The best rate, with `amount` for each call, and the framework that reached it."""
    samples = alternate(calls, budget_s=budget_s, groups={name: name for name in calls})
    rates = {name: amount / median(seconds.values()) for name, seconds in samples.seconds.items()}
    fastest = max(rates, key=rates.__getitem__)
    return rates[fastest], fastest


def _size(dtype: str, device: str) -> int:
    size = FIRST_SIZE
    while size < LARGEST_SIZE:
        product = _torch_product(*_operands(size, dtype), device)
        product(0)  # the first call starts threads
        started = time.perf_counter()
        product(1)
        if time.perf_counter() - started >= LEAST_CALL_S:
            break
        size *= 2
    return size


def _operands(size: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    left, right = (cast(normal((size, size), 0, f"machine/{side}"), dtype) for side in ("left", "right"))
    return left, right


def _torch_product(left: np.ndarray, right: np.ndarray, device: str) -> Call:
    import torch

    adapter = backends.get(TORCH)
    one, other = (adapter.from_numpy(operand, device) for operand in (left, right))
    out = torch.empty_like(one)
    return lambda _: adapter.wait(torch.mm(one, other, out=out))


def _jax_product(left: np.ndarray, right: np.ndarray, device: str) -> Call:
    import jax
    import jax.numpy as jnp

    adapter = backends.get(JAX)
    one, other = (adapter.from_numpy(operand, device) for operand in (left, right))
    product = jax.jit(jnp.matmul)
    return lambda _: adapter.wait(product(one, other))


def _torch_copy(device: str) -> Call:
    import torch

    source, target = (
        torch.ones(cache_flush.BYTES // 4, device=device),
        torch.empty(cache_flush.BYTES // 4, device=device),
    )
    adapter = backends.get(TORCH)
    return lambda _: adapter.wait(target.copy_(source))


def _jax_copy(device: str) -> Call:
    """Adds 1 on the way: XLA spreads an addition over its threads, but not a plain copy.

    The target is donated: JAX has no other way to write into existing memory.
    """
    import jax
    import jax.numpy as jnp

    with jax.default_device(backends.get(JAX).find_device(device)):
        source, target = jnp.ones(cache_flush.BYTES // 4, jnp.float32), jnp.zeros(cache_flush.BYTES // 4, jnp.float32)
    copied = jax.jit(lambda target, source: source + 1, donate_argnums=0, keep_unused=True)

    def call(_: int) -> object:
        nonlocal target
        target = jax.block_until_ready(copied(target, source))
        return target

    return call


_PRODUCTS = {JAX: _jax_product, TORCH: _torch_product}
_COPIES = {JAX: _jax_copy, TORCH: _torch_copy}
