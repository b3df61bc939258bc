"""One block of two arrays → one row of statistics, in NumPy. `compare_numba.py` must agree with it to the bit."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np

from parity.compare.statistics import BINS, LARGEST, blank_rows

FLOATS = tuple(np.dtype(scalar) for scalar in (np.float64, np.float32, np.float16, ml_dtypes.bfloat16))
LANES = (
    256  # sums run in this many lanes, folded by halves at the end: an order that vectorizes and is the same everywhere
)

# Squares of peaks in here neither overflow, not even 2**60 of them added up, nor lose digits that matter.
SAFE = (2.0**-450, 2.0**480)


def is_integer(dtype: np.dtype) -> bool:
    """Signed and unsigned integers and booleans."""
    return dtype.kind in "iub"


def measure_span(actual: np.ndarray, expected: np.ndarray, start: int, block: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and histogram of a run of blocks of `block` elements; `start` is the number of its first element."""
    rows = blank_rows(-(-actual.size // block))
    histogram = np.zeros(BINS, np.int64)
    for number in range(rows.size):
        part = slice(number * block, (number + 1) * block)
        rows[number : number + 1], counts = measure(actual[part], expected[part], start + number * block)
        histogram += counts
    return rows, histogram


def measure(actual: np.ndarray, expected: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and histogram of one block: two one-dimensional arrays, the first elements of which are number `start`."""
    row = blank_rows(1)
    with np.errstate(all="ignore"):
        wide_actual, wide_expected = widened(actual), widened(expected)
        finite_actual, finite_expected = np.isfinite(wide_actual), np.isfinite(wide_expected)
        _measure_side(row, "actual", wide_actual[finite_actual])
        _measure_side(row, "expected", wide_expected[finite_expected])

        both = finite_actual & finite_expected
        if not both.all():
            nan, inf = nonfinite_mismatches(wide_actual, wide_expected)
            row["nan_actual"], row["nan_expected"] = np.isnan(wide_actual).sum(), np.isnan(wide_expected).sum()
            row["nan_mismatches"], row["inf_mismatches"] = nan.sum(), inf.sum()
            if nan.any() or inf.any():
                row["broken"] = start
            actual, expected = actual[both], expected[both]
            wide_actual, wide_expected = wide_actual[both], wide_expected[both]
        error = differences(actual, expected)
        row["finite_pairs"] = error.size
        row["mismatches"] = np.count_nonzero(error) + row["nan_mismatches"] + row["inf_mismatches"]
        row["worst"] = start
        if error.size:
            row["max_abs"] = error.max()
            row["max_rel"] = _relative(error, wide_actual, wide_expected).max()
            row["square_error"], row["shift_error"] = _sum_of_squares(error, row["max_abs"][0])
            if row["max_abs"] >= LARGEST:
                error_in_quarters = np.abs(wide_actual / 4 - wide_expected / 4)
                row["square_error"], shift = _sum_of_squares(error_in_quarters, error_in_quarters.max())
                row["shift_error"] = shift + 2
            if actual.dtype in FLOATS:
                row["max_ulp"] = _ulps(actual, expected).max()
    exponents = error[error > 0].view(np.uint64) >> np.uint64(52)
    return row, np.bincount(exponents.astype(np.int64), minlength=BINS)


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
        _gap(size_actual, size_expected).astype(np.float64),
        size_actual.astype(np.float64) + size_expected.astype(np.float64),
    )


def _sign_and_magnitude(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """|values| as uint64 (that of -2**63 too) and where they are negative."""
    below = values < 0
    bits = values.astype(np.int64).view(np.uint64) if values.dtype.kind == "i" else values.astype(np.uint64)
    return np.where(below, ~bits + np.uint64(1), bits), below


def _gap(actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return np.maximum(actual, expected) - np.minimum(actual, expected)


def _ulps(actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """How many steps of the dtype lie between two finite floats, in uint64."""
    width = 8 * actual.dtype.itemsize
    bits_actual, bits_expected = (side.view(f"u{side.dtype.itemsize}").astype(np.uint64) for side in (actual, expected))
    sign = np.uint64(1 << (width - 1))
    size_actual, size_expected = bits_actual & ~sign, bits_expected & ~sign
    same_side = (bits_actual ^ bits_expected) < sign
    return np.where(same_side, _gap(size_actual, size_expected), size_actual + size_expected)


def _relative(error: np.ndarray, actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
    larger = np.maximum(np.abs(actual), np.abs(expected))
    relative = error / np.where(larger > 0, larger, 1.0)
    overflowed = (error >= LARGEST) | ~np.isfinite(larger)
    if overflowed.any():
        actual, expected = actual[overflowed] / 4, expected[overflowed] / 4
        relative[overflowed] = np.abs(actual - expected) / np.maximum(np.abs(actual), np.abs(expected))
    return relative


def _measure_side(row: np.ndarray, side: str, values: np.ndarray) -> None:
    if not values.size:
        return
    parts = values.view(np.float64)
    lowest, highest = parts.min() + 0.0, parts.max() + 0.0  # no -0.0
    largest = max(abs(lowest), abs(highest))
    row[f"lowest_{side}"], row[f"highest_{side}"] = lowest, highest
    row[f"peak_{side}"] = min(np.abs(values).max(), LARGEST)
    row[f"square_{side}"], row[f"shift_{side}"] = _sum_of_squares(parts, largest)


def _sum_of_squares(values: np.ndarray, largest: float) -> tuple[float, int]:
    """Sum of squares as (s, k), meaning s · 4**k."""
    shift = 0
    if largest > 0 and not SAFE[0] <= largest <= SAFE[1]:
        shift = math.frexp(largest)[1]
        values = np.ldexp(values, -shift)
    padded = np.zeros(-(-values.size // LANES) * LANES)
    np.multiply(values, values, out=padded[: values.size])
    lanes = padded.reshape(-1, LANES).sum(axis=0)
    while lanes.size > 1:
        lanes = lanes[: lanes.size // 2] + lanes[lanes.size // 2 :]
    return lanes[0], shift
