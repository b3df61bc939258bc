"""`block.py` compiled by Numba (optional: `pip install parity[fast]`): the same numbers, to the bit.

Sums run in the lanes of `block.py` and nothing may be reordered, so the processor's vector width changes nothing.
Code is compiled once per dtype and kept in `NUMBA_CACHE_DIR`, else `XDG_CACHE_HOME`/parity/numba, not beside this file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np

from parity.compare import block as numpy_block
from parity.compare.statistics import blank_rows

COMPILED = (np.dtype(np.float64), np.dtype(np.float32))  # the other floats are compared as float32, with their own bits


def measure_span(actual: np.ndarray, expected: np.ndarray, start: int, block: int) -> np.ndarray:
    """One row for each block of real floats, as `parity.compare.block.measure_span`; releases the GIL."""
    rows = blank_rows(-(-actual.size // block))
    (values_actual, bits_actual), (values_expected, bits_expected) = map(_values_and_bits, (actual, expected))
    # Numbers of another module go in as arguments: Numba's cache notices a change of this file only.
    lanes, safe = numpy_block.LANES, numpy_block.SAFE
    _measure_blocks(values_actual, values_expected, bits_actual, bits_expected, block, lanes, safe, rows)
    for number in np.flatnonzero(rows["worst_start"] < 0):  # squares may overflow or vanish: left to NumPy
        part = slice(number * block, (number + 1) * block)
        rows[number : number + 1] = numpy_block.measure(actual[part], expected[part], 0)
    first = start + np.arange(rows.size) * block
    rows["worst_start"] = first
    rows["nonfinite_start"] = np.where(rows["nonfinite_start"] >= 0, first, -1)
    return rows


def _values_and_bits(side: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both aligned, which Numba takes for granted, and read-only, as it compiles anew for writable arrays."""
    side = np.require(side, requirements=["A"])
    bits = side.view(f"u{side.dtype.itemsize}")
    values = side.view() if side.dtype in COMPILED else side.astype(np.float32)
    values.flags.writeable = bits.flags.writeable = False
    return values, bits


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    config: Any = numba.config  # typed without its settings
    outer = config.CACHE_DIR
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "parity", "numba")
    try:
        config.CACHE_DIR = outer or str(folder)
        return numba.njit(function, nogil=True, error_model="numpy", cache=True)
    except (OSError, RuntimeError):  # nowhere to write: each process compiles for itself
        return numba.njit(function, nogil=True, error_model="numpy")
    finally:
        config.CACHE_DIR = outer


@_compiled
def _fold(lanes: np.ndarray) -> float:
    width = lanes.size
    while width > 1:
        width //= 2
        for lane in range(width):
            lanes[lane] += lanes[lane + width]
    return lanes[0]


@_compiled
def _extremes(values: np.ndarray, lowest: np.ndarray, highest: np.ndarray) -> tuple[float, float]:
    """The lowest and highest value; infinite if there is none."""
    lowest[:] = np.inf
    highest[:] = -np.inf
    for start in range(0, values.size, lowest.size):
        part = values[start : start + lowest.size]
        for lane in range(part.size):
            value = part[lane]
            lowest[lane] = value if value < lowest[lane] else lowest[lane]
            highest[lane] = value if value > highest[lane] else highest[lane]
    return np.float64(lowest.min()) + 0.0, np.float64(highest.max()) + 0.0  # no -0.0


@_compiled
def _peak(lowest: float, highest: float) -> float:
    return max(abs(lowest), abs(highest)) if lowest <= highest else 0.0


@_compiled
def _errors(actual: np.ndarray, expected: np.ndarray, largest: np.ndarray, squares: np.ndarray) -> tuple[float, float]:
    """The largest |actual - expected| and the sum of its squares, not finite if a value is not (or if it overflows)."""
    largest[:] = 0.0
    squares[:] = 0.0
    for start in range(0, actual.size, squares.size):
        part_actual, part_expected = actual[start : start + squares.size], expected[start : start + squares.size]
        for lane in range(part_actual.size):
            error = abs(np.float64(part_actual[lane]) - np.float64(part_expected[lane]))
            squares[lane] += error * error
            largest[lane] = error if error > largest[lane] else largest[lane]
    return largest.max(), _fold(squares)


@_compiled
def _ulps(actual: np.ndarray, expected: np.ndarray) -> tuple[np.uint64, int]:
    """The largest distance in representable numbers, and how many distances are not zero."""
    sign = np.uint64(1) << np.uint64(8 * actual.itemsize - 1)
    largest = np.uint64(0)
    mismatches = 0
    for index in range(actual.size):
        one, other = np.uint64(actual[index]), np.uint64(expected[index])
        same_sign = (one ^ other) < sign
        one, other = one & ~sign, other & ~sign
        distance = max(one, other) - min(one, other) if same_sign else one + other
        largest = max(largest, distance)
        mismatches += distance != 0
    return largest, mismatches


@_compiled
def _keep_finite(
    actual: np.ndarray,
    expected: np.ndarray,
    bits_actual: np.ndarray,
    bits_expected: np.ndarray,
    row: np.record,
    kept: np.ndarray,
    kept_bits: np.ndarray,
) -> tuple[int, int, int]:
    """Counts what is not finite; `kept` gets the finite values, then the finite pairs, `kept_bits` their bits."""
    count_actual = count_expected = pairs = 0
    for index in range(actual.size):
        one, other = actual[index], expected[index]
        finite_one, finite_other = np.isfinite(one), np.isfinite(other)
        if finite_one:
            kept[0, count_actual] = one
            count_actual += 1
        if finite_other:
            kept[1, count_expected] = other
            count_expected += 1
        if finite_one and finite_other:
            kept[2, pairs], kept[3, pairs] = one, other
            kept_bits[0, pairs], kept_bits[1, pairs] = bits_actual[index], bits_expected[index]
            pairs += 1
        elif one != one or other != other:
            row.nan_actual += one != one
            row.nan_expected += other != other
            row.nan_mismatches += (one != one) != (other != other)
        else:
            row.inf_mismatches += one != other
    return count_actual, count_expected, pairs


@_compiled
def _measure_blocks(
    actual: np.ndarray,
    expected: np.ndarray,
    bits_actual: np.ndarray,
    bits_expected: np.ndarray,
    block: int,
    lanes: int,
    safe: tuple[float, float],
    rows: np.ndarray,
) -> None:
    """Fill a row for each block; one whose `worst_start` stays negative is left undone."""
    kept = np.empty((4, block), actual.dtype)
    kept_bits = np.empty((2, block), bits_actual.dtype)
    lowest, highest = np.empty(lanes, actual.dtype), np.empty(lanes, actual.dtype)
    largest, squares = np.empty(lanes), np.empty(lanes)
    for number in range(rows.size):
        row = rows[number]
        start, stop = number * block, min((number + 1) * block, actual.size)
        one, other = actual[start:stop], expected[start:stop]
        bits_one, bits_other = bits_actual[start:stop], bits_expected[start:stop]
        finite_one, finite_other = one, other
        max_abs, square = _errors(one, other, largest, squares)
        if not np.isfinite(square):
            count_one, count_other, pairs = _keep_finite(one, other, bits_one, bits_other, row, kept, kept_bits)
            finite_one, finite_other = kept[0, :count_one], kept[1, :count_other]
            one, other = kept[2, :pairs], kept[3, :pairs]
            bits_one, bits_other = kept_bits[0, :pairs], kept_bits[1, :pairs]
            max_abs, square = _errors(one, other, largest, squares)
        if not (max_abs == 0.0 or safe[0] <= max_abs <= safe[1]):
            continue
        row.lowest_actual, row.highest_actual = _extremes(finite_one, lowest, highest)
        row.peak_actual = _peak(row.lowest_actual, row.highest_actual)
        lowest_expected, highest_expected = _extremes(finite_other, lowest, highest)
        row.peak_expected = _peak(lowest_expected, highest_expected)
        row.finite_pairs = one.size
        row.max_abs, row.square_error = max_abs, square
        row.mismatches = row.nan_mismatches + row.inf_mismatches
        if row.mismatches:
            row.nonfinite_start = 0
        if max_abs > 0.0:
            row.max_ulp, differing = _ulps(bits_one, bits_other)
            row.mismatches += differing
        row.worst_start = 0
