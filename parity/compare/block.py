"""Compare one block of two arrays in NumPy. `block_numba.py` must agree with it to the bit."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np

from parity.compare.statistics import LARGEST, blank_rows

FLOATS = tuple(np.dtype(scalar) for scalar in (np.float64, np.float32, np.float16, ml_dtypes.bfloat16))
# Sums run in this many lanes, folded by halves at the end: an order that vectorizes and is the same everywhere.
LANES = 256

# Squares of a largest error in this range neither overflow, not even 2**60 of them added up, nor lose digits that matter.
SAFE = (2.0**-450, 2.0**480)


def is_integer(dtype: np.dtype) -> bool:
    """Whether the dtype is an integer or bool."""
    return dtype.kind in "iub"


def measure_span(actual: np.ndarray, expected: np.ndarray, start: int, block: int) -> np.ndarray:
    """One row for each block of `block` elements; `start` is the index of the first element in the whole array."""
    rows = blank_rows(-(-actual.size // block))
    for number in range(rows.size):
        part = slice(number * block, (number + 1) * block)
        rows[number : number + 1] = measure(actual[part], expected[part], start + number * block)
    return rows


def measure(actual: np.ndarray, expected: np.ndarray, start: int) -> np.ndarray:
    """The row (an array of length 1) of one block: two one-dimensional arrays whose first elements have index `start`."""
    row = blank_rows(1)
    with np.errstate(all="ignore"):
        wide_actual, wide_expected = widened(actual), widened(expected)
        finite_actual, finite_expected = np.isfinite(wide_actual), np.isfinite(wide_expected)
        values = wide_actual[finite_actual]
        parts = values.view(np.float64)
        row["lowest_actual"] = parts.min(initial=np.inf) + 0.0  # no -0.0
        row["highest_actual"] = parts.max(initial=-np.inf) + 0.0
        row["peak_actual"] = _peak(values)
        row["peak_expected"] = _peak(wide_expected[finite_expected])

        both = finite_actual & finite_expected
        if not both.all():
            nan, inf = nonfinite_mismatches(wide_actual, wide_expected)
            row["nan_actual"], row["nan_expected"] = np.isnan(wide_actual).sum(), np.isnan(wide_expected).sum()
            row["nan_mismatches"], row["inf_mismatches"] = nan.sum(), inf.sum()
            if nan.any() or inf.any():
                row["nonfinite_start"] = start
            actual, expected = actual[both], expected[both]
        error = differences(actual, expected)
        row["finite_pairs"] = error.size
        row["mismatches"] = np.count_nonzero(error) + row["nan_mismatches"] + row["inf_mismatches"]
        row["worst_start"] = start
        if error.size:
            row["max_abs"] = error.max()
            row["square_error"], row["shift_error"] = _sum_of_squares(error)
            if row["max_abs"] >= LARGEST:  # the difference overflowed: in quarters it does not
                row["square_error"], shift = _sum_of_squares(np.abs(widened(actual) / 4 - widened(expected) / 4))
                row["shift_error"] = shift + 2
            if actual.dtype in FLOATS:
                row["max_ulp"] = _ulps(actual, expected).max()
    return row


def widened(values: np.ndarray) -> np.ndarray:
    """The values in float64 or complex128."""
    return values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)


def nonfinite_mismatches(actual: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a NaN, and where without NaN an infinity, has no equal on the other side; two arrays of bool."""
    nan = np.isnan(actual) | np.isnan(expected)
    infinite = ~nan & ~(np.isfinite(actual) & np.isfinite(expected))
    equal = _same_part(actual.real, expected.real) & _same_part(actual.imag, expected.imag)
    return nan & ~equal, infinite & ~equal


def _same_part(actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return (actual == expected) | (np.isnan(actual) & np.isnan(expected))


def differences(actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """|actual - expected| of finite values in float64; of integers exact before it is rounded."""
    if not is_integer(actual.dtype):
        return np.minimum(np.abs(widened(actual) - widened(expected)), LARGEST)
    size_actual, below_actual = _sign_and_magnitude(actual)
    size_expected, below_expected = _sign_and_magnitude(expected)
    return np.where(
        below_actual == below_expected,
        _distance(size_actual, size_expected).astype(np.float64),
        size_actual.astype(np.float64) + size_expected.astype(np.float64),
    )


def _sign_and_magnitude(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """|values| as uint64 (that of -2**63 too) and where they are negative."""
    below = values < 0
    bits = values.astype(np.int64).view(np.uint64) if values.dtype.kind == "i" else values.astype(np.uint64)
    return np.where(below, ~bits + np.uint64(1), bits), below


def _distance(actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return np.maximum(actual, expected) - np.minimum(actual, expected)


def _ulps(actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """How many steps of the dtype lie between two finite floats, in uint64."""
    width = 8 * actual.dtype.itemsize
    bits_actual, bits_expected = (side.view(f"u{side.dtype.itemsize}").astype(np.uint64) for side in (actual, expected))
    sign = np.uint64(1 << (width - 1))
    size_actual, size_expected = bits_actual & ~sign, bits_expected & ~sign
    same_side = (bits_actual ^ bits_expected) < sign
    return np.where(same_side, _distance(size_actual, size_expected), size_actual + size_expected)


def _peak(values: np.ndarray) -> float:
    return min(np.abs(values).max(initial=0.0), LARGEST)


def _sum_of_squares(values: np.ndarray) -> tuple[float, int]:
    """Sum of squares of values that are not negative, as (s, k), meaning s · 4**k."""
    shift, largest = 0, values.max()
    if largest > 0 and not SAFE[0] <= largest <= SAFE[1]:
        shift = math.frexp(largest)[1]
        values = np.ldexp(values, -shift)
    padded = np.zeros(-(-values.size // LANES) * LANES)
    np.multiply(values, values, out=padded[: values.size])
    lanes = padded.reshape(-1, LANES).sum(axis=0)
    while lanes.size > 1:
        lanes = lanes[: lanes.size // 2] + lanes[lanes.size // 2 :]
    return lanes[0], shift
