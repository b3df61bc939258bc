"""How fast blockwise attention is next to each framework's own attention, by turns in one process.

    python tests/benchmarks/blockwise_speed.py --dtype float32 --rounds 15

Every round runs all candidates twice on the same values and times the second call, so that none is timed in the wake of
another; the order is reversed every second time. The ratio to
`jax.nn.dot_product_attention`, in its own layout, is the median over the rounds of each round's ratio. `value` is the output,
`gradient` the value and the gradients of Σ out · cotangent to query, key and value, compiled in JAX. GFLOP/s count
4·B·N·T²·H for a value and 3.5 times that with the gradient. With `--memory` the extra memory that XLA reports is printed too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # run as a file, without the tests' settings
os.environ.setdefault("NPROC", "2")
os.environ.setdefault("OMP_NUM_THREADS", "2")

import jax
import jax.numpy as jnp
import numpy as np
import torch

from impl_jax.blockwise_attention import blockwise_attention as jax_blockwise
from impl_torch.blockwise_attention import blockwise_attention as torch_blockwise

HEADS, WIDTH = 8, 64
BASE = "jax.nn.dot_product_attention"


def jax_run(function: Callable[..., Any], arrays: tuple[Any, ...], gradient: bool) -> Callable[[], Any]:
    def pulled(query: Any, key: Any, value: Any, d_out: Any) -> Any:
        def energy(*inputs: Any) -> Any:
            return jnp.sum(function(*inputs).astype(jnp.float32) * d_out)

        return jax.value_and_grad(energy, argnums=(0, 1, 2))(query, key, value)

    compiled = jax.jit(pulled) if gradient else jax.jit(lambda query, key, value, d_out: function(query, key, value))
    return lambda: jax.block_until_ready(compiled(*arrays))


def torch_run(function: Callable[..., Any], arrays: tuple[Any, ...], gradient: bool) -> Callable[[], Any]:
    inputs = tuple(array.clone().requires_grad_(gradient) for array in arrays[:3])

    def run() -> Any:
        out = function(*inputs)
        return torch.autograd.grad((out.float() * arrays[3]).sum(), inputs) if gradient else out

    return run


def candidates(length: int, dtype: str, causal: bool, gradient: bool) -> dict[str, Callable[[], Any]]:
    rng = np.random.default_rng(0)
    values = [rng.standard_normal((1, HEADS, length, WIDTH), dtype=np.float32) for _ in range(4)]
    ours = (*(jnp.array(value).astype(dtype) for value in values[:3]), jnp.array(values[3]))
    theirs = tuple(jnp.copy(array.transpose(0, 2, 1, 3)) for array in ours)
    tensors = (*(torch.tensor(value).to(getattr(torch, dtype)) for value in values[:3]), torch.tensor(values[3]))

    def dot_product_attention(query: Any, key: Any, value: Any) -> Any:
        return jax.nn.dot_product_attention(query, key, value, is_causal=causal)

    def sdpa(query: Any, key: Any, value: Any) -> Any:
        return torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=causal)

    return {
        BASE: jax_run(dot_product_attention, theirs, gradient),
        "blockwise (jax)": jax_run(lambda *inputs: jax_blockwise(*inputs, causal), ours, gradient),
        "blockwise (torch)": torch_run(lambda *inputs: torch_blockwise(*inputs, causal), tensors, gradient),
        "torch SDPA": torch_run(sdpa, tensors, gradient),
    }


def measured(runs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    for run in runs.values():
        run()
        run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        for name in list(runs)[:: 1 if number % 2 == 0 else -1]:
            # What comes after `dot_product_attention`, which sweeps the caches, is a fifth slower, whichever it is.
            runs[name]()
            started = time.perf_counter()
            runs[name]()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def extra_mebibytes(length: int, gradient: bool, function: Callable[..., Any], transposed: bool) -> float:
    shape = (1, length, HEADS, WIDTH) if transposed else (1, HEADS, length, WIDTH)
    array = jax.ShapeDtypeStruct(shape, jnp.float32)
    pulled = jax.grad(lambda *inputs: jnp.sum(function(*inputs)), argnums=(0, 1, 2))
    compiled = jax.jit(pulled if gradient else function).lower(array, array, array).compile()
    return compiled.memory_analysis().temp_size_in_bytes / 2**20


def print_memory() -> None:
    lengths = (1024, 2048, 4096, 8192)
    print(f"extra memory in MiB, float32, B=1 N={HEADS} H={WIDTH}, T = S = {lengths}")
    for name, function in ((BASE, jax.nn.dot_product_attention), ("blockwise (jax)", jax_blockwise)):
        for gradient in (False, True):
            row = (extra_mebibytes(length, gradient, function, name == BASE) for length in lengths)
            print(f"  {name:30}{'gradient' if gradient else 'value':10}" + "".join(f"{size:9.1f}" for size in row))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--length", type=int, default=2048, help="queries, and keys (default 2048)")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--causal", action="store_true")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--memory", action="store_true")
    arguments = parser.parse_args()

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    for gradient in (False, True):
        runs = candidates(arguments.length, arguments.dtype, arguments.causal, gradient)
        seconds = measured(runs, arguments.rounds)
        work = 4 * HEADS * arguments.length**2 * WIDTH * (3.5 if gradient else 1.0) / (2 if arguments.causal else 1)
        what = f"{arguments.dtype}{' causal' if arguments.causal else ''}, {'gradient' if gradient else 'value'}"
        print(
            f"{what}, B=1 N={HEADS} T=S={arguments.length} H={WIDTH}, {arguments.rounds} rounds, load {os.getloadavg()[0]:.1f}"
        )
        for name, times in seconds.items():
            middle, best = statistics.median(times), min(times)
            ratio = statistics.median(base / own for base, own in zip(seconds[BASE], times, strict=True))
            fastest = min(seconds[BASE]) / best
            print(
                f"  {name:30} median {middle * 1e3:8.1f} ms {work / middle / 1e9:5.0f} GFLOP/s, "
                f"min {best * 1e3:8.1f} ms {work / best / 1e9:5.0f} GFLOP/s, ratio {ratio:5.2f} (of minima {fastest:5.2f})"
            )
    if arguments.memory:
        print_memory()


if __name__ == "__main__":
    main()
