"""Compare two arrays in one pass → `Statistics`.

Both sides are read once, in C order of their indices, in blocks that fit the cache: extra memory stays below 64 MB
whatever the size, and neither the memory layout nor the number of threads changes a bit of the result.
"""

from __future__ import annotations

import functools
import math
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from parity.compare.block import FLOATS, differences, is_integer, measure_span, nonfinite_mismatches, widened
from parity.compare.statistics import Statistics, blank_rows, merge, statistics
from parity.errors import InputError

BLOCK = 16 * 1024  # elements; a multiple of block.LANES
SPAN = 32  # blocks that are merged first, and that a thread takes at a time
FAST_FROM = 1 << 16  # elements from which the compiled path pays, and from which it pays to load it first (about 0.4 s)
LOAD_FROM = 1 << 24
THREADS = 4  # at most; each holds up to 8 MiB for a side that has to be copied

__all__ = ["Statistics", "compare"]


def compare(actual: np.ndarray, expected: np.ndarray) -> Statistics:
    """Compare two arrays of one shape and one dtype (or two integer dtypes, by value); neither is changed.

    Swapping the sides swaps the fields named after a side and leaves the others as they are, to the bit.

    Raises:
        InputError: for anything but NumPy arrays of real or complex numbers or bool, or if shapes or dtypes differ.
    """
    actual, expected = _checked(actual, expected)
    flat_actual, flat_expected = _flat(actual), _flat(expected)
    is_float = _native(actual.dtype) in FLOATS
    loaded = "parity.compare.block_numba" in sys.modules
    fast = _compiled_measure_span() if is_float and actual.size >= (FAST_FROM if loaded else LOAD_FROM) else None
    threads = max(1, min(THREADS, _processors(), -(-actual.size // (SPAN * BLOCK)))) if fast else 1
    row = _measure(flat_actual, flat_expected, actual.size, threads, fast or measure_span)
    worst_index = _worst_index(row, flat_actual, flat_expected, actual.shape)
    return statistics(row, actual.size, worst_index, has_ulp=is_float)


@functools.cache
def _compiled_measure_span() -> Callable[..., np.ndarray] | None:
    try:
        from parity.compare.block_numba import measure_span
    except ImportError:  # also from a Numba that does not know this NumPy
        return None
    return measure_span


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _native(dtype: np.dtype) -> np.dtype:
    return dtype.newbyteorder("=")


def _checked(actual: Any, expected: Any) -> tuple[np.ndarray, np.ndarray]:
    arrays = []
    for name, side in (("actual", actual), ("expected", expected)):
        if not isinstance(side, np.ndarray | np.generic):
            raise InputError(
                f"{name}: expected a NumPy array, got {type(side).__name__}; convert it with numpy.asarray"
            )
        array = np.asarray(side)
        dtype = _native(array.dtype)
        if not (is_integer(dtype) or dtype in FLOATS or dtype in (np.complex64, np.complex128)):
            raise InputError(
                f"{name}: cannot compare dtype {dtype}; expected float64, float32, float16, bfloat16, complex64, "
                "complex128, an integer or bool"
            )
        arrays.append(array)
    first, second = arrays
    if first.shape != second.shape:
        raise InputError(f"actual has shape {first.shape}, expected has shape {second.shape}; they must be the same")
    kinds = [_native(first.dtype), _native(second.dtype)]
    if kinds[0] != kinds[1] and not all(kind.kind in "iu" for kind in kinds):
        raise InputError(
            f"actual has dtype {kinds[0]}, expected has dtype {kinds[1]}; they must be the same, or both integers"
        )
    return first, second


def _flat(array: np.ndarray) -> Any:
    """The elements in C order; slicing copies only where the layout demands it."""
    return array.reshape(-1) if array.flags.c_contiguous else array.flat


def _part(flat: Any, start: int, stop: int) -> np.ndarray:
    block = flat[start:stop]
    return block.astype(_native(block.dtype), copy=False)


def _measure(
    actual: Any, expected: Any, size: int, threads: int, measure_span: Callable[..., np.ndarray]
) -> np.ndarray:
    """The merged row of all spans; the threads share the spans."""
    span = SPAN * BLOCK
    rows = blank_rows(-(-size // span))

    def work(number: int) -> None:
        start, stop = number * span, min((number + 1) * span, size)
        span_rows = measure_span(_part(actual, start, stop), _part(expected, start, stop), start, BLOCK)
        rows[number : number + 1] = merge(span_rows)

    if threads == 1:
        for number in range(rows.size):
            work(number)
    else:
        with ThreadPoolExecutor(threads, thread_name_prefix="parity-compare") as pool:
            list(pool.map(work, range(rows.size)))  # raises what a thread raised
    return merge(rows)


def _worst_index(row: np.ndarray, actual: Any, expected: Any, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Read the block that holds the worst element once more and find it there."""
    if not row["mismatches"][0]:
        return None
    has_nonfinite = row["nonfinite_start"][0] >= 0
    start = int(row["nonfinite_start" if has_nonfinite else "worst_start"][0])
    stop = min(start + BLOCK, math.prod(shape))
    block_actual, block_expected = _part(actual, start, stop), _part(expected, start, stop)
    with np.errstate(all="ignore"):
        wide_actual, wide_expected = widened(block_actual), widened(block_expected)
        if has_nonfinite:
            nan, inf = nonfinite_mismatches(wide_actual, wide_expected)
            place = (nan | inf).argmax()
        else:
            both = np.flatnonzero(np.isfinite(wide_actual) & np.isfinite(wide_expected))
            place = both[differences(block_actual[both], block_expected[both]).argmax()]
    return tuple(int(axis) for axis in np.unravel_index(start + int(place), shape))
