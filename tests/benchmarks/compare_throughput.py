"""How fast two arrays are compared: NumPy, PyTorch, chex and parity, by turns in one process.

    python tests/benchmarks/compare_throughput.py --mib 512 --dtype float32

`--mib` is the size of both arrays together. Each comparison sees the same two arrays, which differ by rounding; it
passes, and is run once before the clock starts. Then every round runs all of them in turn, the order reversed every
second time. Throughput is the size over the median time, the ratio is the median of each round's ratio. The CPU seconds
of all threads show what a busy machine took away. Extra memory is the growth of the process's peak in one more call.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable

import ml_dtypes
import numpy as np

import parity.compare.compare

DTYPES = {"float64": np.float64, "float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
BASE = "numpy.testing.assert_allclose"


def parity_path(first_fast: float) -> Callable[[np.ndarray, np.ndarray], object]:
    """`parity.compare` on one of its paths: compiled from `first_fast` elements on."""

    def run(actual: np.ndarray, expected: np.ndarray) -> object:
        parity.compare.compare.FAST_FROM = parity.compare.compare.LOAD_FROM = first_fast
        return parity.compare.compare.compare(actual, expected)

    return run


def candidates(
    tolerance: float, torch_tensor: Callable[[np.ndarray], object] | None
) -> dict[str, Callable[..., object]]:
    """Name → comparison; what is not installed is left out."""
    limits = {"rtol": tolerance, "atol": tolerance}
    found: dict[str, Callable[..., object]] = {
        BASE: lambda actual, expected: np.testing.assert_allclose(actual, expected, **limits),
        "numpy.allclose": lambda actual, expected: np.allclose(actual, expected, **limits),
    }
    if torch_tensor is not None:
        import torch

        found["torch.testing.assert_close"] = lambda actual, expected: torch.testing.assert_close(
            torch_tensor(actual), torch_tensor(expected), **limits
        )
    if importlib.util.find_spec("chex"):
        import chex

        found["chex.assert_trees_all_close"] = lambda actual, expected: chex.assert_trees_all_close(
            actual, expected, **limits
        )
    found["parity.compare, NumPy"] = parity_path(float("inf"))
    if importlib.util.find_spec("numba"):
        found["parity.compare, compiled"] = parity_path(0)
    return found


def torch_view(dtype: str) -> Callable[[np.ndarray], object] | None:
    """NumPy array → tensor on the same memory; None without PyTorch."""
    if not importlib.util.find_spec("torch"):
        return None
    import torch

    torch.set_num_threads(2)
    if dtype == "bfloat16":
        return lambda array: torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy


def extra_memory(run: Callable[..., object], actual: np.ndarray, expected: np.ndarray) -> float:
    """Growth of the peak of resident memory during one call, in MiB (Linux; NaN elsewhere)."""
    try:
        with open("/proc/self/clear_refs", "w") as clear:
            clear.write("5")
    except OSError:
        return float("nan")
    before = status("VmHWM")
    run(actual, expected)
    return (status("VmHWM") - before) / 1024


def status(field: str) -> int:
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(field))


def measured(
    runs: dict[str, Callable[..., object]], actual: np.ndarray, expected: np.ndarray, rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Wall and CPU seconds of each call, all candidates by turns."""
    for run in runs.values():
        run(actual, expected)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    processor: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        for name in list(runs)[:: 1 if number % 2 == 0 else -1]:
            started, busy = time.perf_counter(), time.process_time()
            runs[name](actual, expected)
            seconds[name].append(time.perf_counter() - started)
            processor[name].append(time.process_time() - busy)
    return seconds, processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=512, help="size of both arrays together (default 512)")
    parser.add_argument("--dtype", choices=DTYPES, default="float32")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    dtype = np.dtype(DTYPES[arguments.dtype])
    size = arguments.mib * 2**20 // 2 // dtype.itemsize
    expected = np.random.default_rng(0).standard_normal(size, np.float32).astype(dtype)
    actual = (expected.astype(np.float32) * np.float32(1 + 2e-7)).astype(dtype)
    runs = candidates(2.0**-6 if dtype.itemsize == 2 else 1e-5, torch_view(arguments.dtype))

    seconds, processor = measured(runs, actual, expected, arguments.rounds)
    gigabytes = 2 * actual.nbytes / 1e9
    print(f"{arguments.dtype}, 2 × {size} elements, {gigabytes:.2f} GB, {arguments.rounds} rounds\n")
    print(f"{'':32}{'median s':>10}{'min..max s':>16}{'CPU s':>8}{'GB/s':>8}{'ratio':>8}{'extra MiB':>11}")
    for name, run in runs.items():
        middle = statistics.median(seconds[name])
        # The ratio of each round, then the median: a slow moment of the machine hits both sides of it.
        ratio = statistics.median(base / own for base, own in zip(seconds[BASE], seconds[name], strict=True))
        span = f"{min(seconds[name]):.3f}..{max(seconds[name]):.3f}"
        memory = extra_memory(run, actual, expected)
        busy = statistics.median(processor[name])
        print(f"{name:32}{middle:10.3f}{span:>16}{busy:8.3f}{gigabytes / middle:8.2f}{ratio:7.1f}×{memory:11.0f}")


if __name__ == "__main__":
    main()
