"""The blocks of `measure.py` compiled by Numba (optional: `pip install parity[fast]`): the same numbers, to the bit.

Sums run in the lanes of `measure.py` and nothing may be reordered, so the processor's vector width does not show.
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
from parity.compare.statistics import BINS, blank_rows

COMPILED = (np.dtype(np.float64), np.dtype(np.float32))  # the other floats are compared as float32, with their own bits


def measure_span(actual: np.ndarray, expected: np.ndarray, start: int, block: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and histogram of a run of blocks of real floats, as `parity.compare.block.measure_span`; holds no lock."""
    rows = blank_rows(-(-actual.size // block))
    histogram = np.zeros((4, BINS), np.int64)
    sides = [_values_and_bits(side) for side in (actual, expected)]
    (values_actual, bits_actual), (values_expected, bits_expected) = sides
    # Numbers of another module go in as arguments: Numba's cache notices a change of this file only.
    _measure_blocks(
        values_actual,
        values_expected,
        bits_actual,
        bits_expected,
        block,
        numpy_block.LANES,
        numpy_block.SAFE,
        rows,
        histogram,
    )
    counts = histogram.sum(axis=0)
    for number in np.flatnonzero(rows["worst"] < 0):  # squares may overflow or vanish: left to NumPy, which scales them
        part = slice(number * block, (number + 1) * block)
        rows[number : number + 1], more = numpy_block.measure(actual[part], expected[part], 0)
        counts += more
    first = start + np.arange(rows.size) * block
    rows["worst"] = first
    rows["broken"] = np.where(rows["broken"] >= 0, first, -1)
    return rows, counts


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
def _side(
    values: np.ndarray, lowest: np.ndarray, highest: np.ndarray, squares: np.ndarray
) -> tuple[float, float, float]:
    """Lowest, highest and sum of squares; that sum is not finite if a value is not (or if it overflows)."""
    lowest[:] = np.inf
    highest[:] = -np.inf
    squares[:] = 0.0
    width = squares.size
    unrolled = values.size // (4 * width) * 4 * width
    for start in range(0, unrolled, 4 * width):  # four rows for each load and store of a lane; the order stays
        row0, row1 = values[start : start + width], values[start + width : start + 2 * width]
        row2, row3 = values[start + 2 * width : start + 3 * width], values[start + 3 * width : start + 4 * width]
        for lane in range(width):
            a, b, c, d = row0[lane], row1[lane], row2[lane], row3[lane]
            wide_a, wide_b, wide_c, wide_d = np.float64(a), np.float64(b), np.float64(c), np.float64(d)
            total = squares[lane] + wide_a * wide_a
            total += wide_b * wide_b
            total += wide_c * wide_c
            squares[lane] = total + wide_d * wide_d
            low_a, low_c = a if a < b else b, c if c < d else d
            low = low_a if low_a < low_c else low_c
            lowest[lane] = low if low < lowest[lane] else lowest[lane]
            high_a, high_c = a if a > b else b, c if c > d else d
            high = high_a if high_a > high_c else high_c
            highest[lane] = high if high > highest[lane] else highest[lane]
    for start in range(unrolled, values.size, width):
        part = values[start : start + width]
        for lane in range(part.size):
            value = part[lane]
            wide = np.float64(value)
            squares[lane] += wide * wide
            lowest[lane] = value if value < lowest[lane] else lowest[lane]
            highest[lane] = value if value > highest[lane] else highest[lane]
    return np.float64(lowest.min()) + 0.0, np.float64(highest.max()) + 0.0, _fold(squares)


@_compiled
def _pair(
    actual: np.ndarray,
    expected: np.ndarray,
    errors: np.ndarray,
    largest: np.ndarray,
    relative: np.ndarray,
    squares: np.ndarray,
) -> tuple[float, float, float]:
    """Writes |actual - expected| to `errors`; the largest of it, the largest relative one, the sum of its squares."""
    largest[:] = 0.0
    relative[:] = 0.0
    squares[:] = 0.0
    for start in range(0, actual.size, squares.size):
        stop = start + squares.size
        part_actual, part_expected, part_errors = actual[start:stop], expected[start:stop], errors[start:stop]
        for lane in range(part_actual.size):
            one, other = np.float64(part_actual[lane]), np.float64(part_expected[lane])
            error = abs(one - other)
            part_errors[lane] = error
            squares[lane] += error * error
            one, other = abs(one), abs(other)
            size = one if one > other else other
            ratio = error / (size if size > 0.0 else 1.0)
            largest[lane] = error if error > largest[lane] else largest[lane]
            relative[lane] = ratio if ratio > relative[lane] else relative[lane]
    return largest.max(), relative.max(), _fold(squares)


@_compiled
def _largest_ulp(actual: np.ndarray, expected: np.ndarray) -> np.uint64:
    sign = np.uint64(1) << np.uint64(8 * actual.itemsize - 1)
    largest = np.uint64(0)
    for index in range(actual.size):
        one, other = np.uint64(actual[index]), np.uint64(expected[index])
        same_side = (one ^ other) < sign
        one, other = one & ~sign, other & ~sign
        largest = max(largest, max(one, other) - min(one, other) if same_side else one + other)
    return largest


@_compiled
def _count_exponents(errors: np.ndarray, histogram: np.ndarray) -> int:
    """Counts the exponents of nonzero errors, in four tables by turns (no wait for a store); how many there are."""
    bits = errors.view(np.uint64)
    zeros = 0
    for index in range(bits.size):
        histogram[index & 3, bits[index] >> np.uint64(52)] += 1
        zeros += bits[index] == 0
    histogram[0, 0] -= zeros
    return bits.size - zeros


@_compiled
def _sift(
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
def _is_safe(size: float, safe: tuple[float, float]) -> bool:
    return size == 0.0 or safe[0] <= size <= safe[1]


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
    histogram: np.ndarray,
) -> None:
    """Fill a row for each block; one whose `worst` stays negative is left undone."""
    kept = np.empty((4, block), actual.dtype)
    kept_bits = np.empty((2, block), bits_actual.dtype)
    errors = np.empty(block)
    lowest, highest = np.empty(lanes, actual.dtype), np.empty(lanes, actual.dtype)
    largest, relative, squares = np.empty(lanes), np.empty(lanes), np.empty(lanes)
    for number in range(rows.size):
        row = rows[number]
        start, stop = number * block, min((number + 1) * block, actual.size)
        one, other = actual[start:stop], expected[start:stop]
        bits_one, bits_other = bits_actual[start:stop], bits_expected[start:stop]
        side_one = _side(one, lowest, highest, squares)
        side_other = _side(other, lowest, highest, squares)
        if not (np.isfinite(side_one[2]) and np.isfinite(side_other[2])):
            count_one, count_other, pairs = _sift(one, other, bits_one, bits_other, row, kept, kept_bits)
            side_one = _side(kept[0, :count_one], lowest, highest, squares)
            side_other = _side(kept[1, :count_other], lowest, highest, squares)
            one, other = kept[2, :pairs], kept[3, :pairs]
            bits_one, bits_other = kept_bits[0, :pairs], kept_bits[1, :pairs]
        max_abs, max_rel, square = _pair(one, other, errors, largest, relative, squares)
        peak_one = max(abs(side_one[0]), abs(side_one[1])) if side_one[0] <= side_one[1] else 0.0
        peak_other = max(abs(side_other[0]), abs(side_other[1])) if side_other[0] <= side_other[1] else 0.0
        if not (_is_safe(peak_one, safe) and _is_safe(peak_other, safe) and _is_safe(max_abs, safe)):
            continue
        row.lowest_actual, row.highest_actual, row.square_actual = side_one
        row.lowest_expected, row.highest_expected, row.square_expected = side_other
        row.peak_actual, row.peak_expected = peak_one, peak_other
        row.finite_pairs = one.size
        row.max_abs, row.max_rel, row.square_error = max_abs, max_rel, square
        row.mismatches = row.nan_mismatches + row.inf_mismatches
        if row.mismatches:
            row.broken = 0
        if max_abs > 0.0:
            row.max_ulp = _largest_ulp(bits_one, bits_other)
            row.mismatches += _count_exponents(errors[: one.size], histogram)
        row.worst = 0
