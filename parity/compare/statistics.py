"""The result of comparing two arrays, and how the results of its blocks merge into it.

A comparison is cut into blocks of a fixed number of elements. Each block leaves one `ROW`; rows merge into a row. Counts
and extremes do not depend on the order and sums are exact (`math.fsum`), so the number of threads changes nothing.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np

LARGEST = sys.float_info.max

COUNTS = ("mismatches", "nan_actual", "nan_expected", "nan_mismatches", "inf_mismatches", "finite_pairs")
# The sum of squares is `square_error · 4**shift_error`: a block of huge or tiny errors is scaled before it is squared.
# The last two are the first element of the block with max_abs, and of the first block with a non-finite mismatch, or -1.
ROW = np.dtype(
    [(name, np.int64) for name in COUNTS]
    + [("max_abs", np.float64), ("max_ulp", np.uint64), ("square_error", np.float64), ("shift_error", np.int64)]
    + [(name, np.float64) for name in ("lowest_actual", "highest_actual", "peak_actual", "peak_expected")]
    + [("worst_start", np.int64), ("nonfinite_start", np.int64)]
)


@dataclass(frozen=True)
class Statistics:
    """The differences between `actual` and `expected`; every float is a float64, in the unit of the values.

    Equal means equal as values: -0.0 equals 0.0, an infinity one of the same sign, NaN a NaN in the same place.
    A difference or peak beyond the largest float64 is given as the largest float64.

    Args:
        size: number of elements on each side.
        mismatches: elements that are not equal: finite ones, `nan_mismatches` and `inf_mismatches`.
        nan_actual, nan_expected: NaN elements on that side.
        nan_mismatches: elements that are NaN on one side only; complex: NaN somewhere and not equal part by part.
        inf_mismatches: elements without NaN, infinite on one side only or with another sign.
        finite_pairs: elements finite on both sides; only these enter the next three.
        max_abs: largest |actual - expected|; 0.0 if there is no finite pair.
        max_ulp: largest distance in representable numbers of the dtype; None unless the dtype is a real float.
        rms: root of the mean of (actual - expected)².
        peak_actual, peak_expected: largest |finite value|; 0.0 if there is none.
        lowest_actual, highest_actual: extreme finite values, of a complex array those of its real and imaginary parts
            together; None if there is none. Integers beyond 2**53 are rounded.
        worst_index: first non-finite mismatch in C order, else the first place of `max_abs`; None if all is equal.
    """

    size: int
    mismatches: int
    nan_actual: int
    nan_expected: int
    nan_mismatches: int
    inf_mismatches: int
    finite_pairs: int
    max_abs: float
    max_ulp: int | None
    rms: float
    peak_actual: float
    peak_expected: float
    lowest_actual: float | None
    highest_actual: float | None
    worst_index: tuple[int, ...] | None

    @property
    def error(self) -> float:
        """max_abs / max(peak_actual, peak_expected): 0.0 if all is equal, infinite if a NaN or an infinity differs."""
        if self.nan_mismatches or self.inf_mismatches:
            return math.inf
        return self.max_abs / max(self.peak_actual, self.peak_expected) if self.mismatches else 0.0


def blank_rows(count: int) -> np.ndarray:
    """`count` rows of nothing: merging one into a row changes nothing."""
    rows = np.zeros(count, ROW)
    rows["lowest_actual"], rows["highest_actual"] = np.inf, -np.inf
    rows["worst_start"] = rows["nonfinite_start"] = -1
    return rows


def merge(rows: np.ndarray) -> np.ndarray:
    """Merge the rows of consecutive blocks, in their order, into one row (an array of length 1)."""
    merged = blank_rows(1)
    if not rows.size:
        return merged
    for name in COUNTS:
        merged[name] = rows[name].sum()
    for name in ("max_ulp", "highest_actual", "peak_actual", "peak_expected"):
        merged[name] = rows[name].max()
    merged["lowest_actual"] = rows["lowest_actual"].min()
    squares, shifts = rows["square_error"], rows["shift_error"]
    if squares.any():
        shift = shifts[squares > 0].max()
        # A zero square may carry a larger shift than the others: it must not overflow, and 0 stays 0.
        scaled = np.ldexp(squares, 2 * np.minimum(shifts - shift, 0))
        merged["square_error"], merged["shift_error"] = math.fsum(scaled), shift
    worst = rows["max_abs"].argmax()
    merged["max_abs"], merged["worst_start"] = rows["max_abs"][worst], rows["worst_start"][worst]
    nonfinite = rows["nonfinite_start"] >= 0
    merged["nonfinite_start"] = rows["nonfinite_start"][nonfinite.argmax()]  # -1 if no row has any
    return merged


def root_mean_square(square: float, shift: int, count: int) -> float:
    """Square root of `square · 4**shift / count`, at most the largest float64."""
    try:
        return math.ldexp(math.sqrt(square / count), shift)
    except OverflowError:
        return LARGEST


def statistics(row: np.ndarray, size: int, worst_index: tuple[int, ...] | None, *, has_ulp: bool) -> Statistics:
    """The public numbers from the merged row."""
    value = {name: row[name].item() for name in ROW.names or ()}
    has_finite = value["lowest_actual"] <= value["highest_actual"]
    return Statistics(
        size=size,
        **{name: value[name] for name in (*COUNTS, "max_abs", "peak_actual", "peak_expected")},
        max_ulp=value["max_ulp"] if has_ulp else None,
        rms=root_mean_square(value["square_error"], value["shift_error"], max(value["finite_pairs"], 1)),
        lowest_actual=value["lowest_actual"] if has_finite else None,
        highest_actual=value["highest_actual"] if has_finite else None,
        worst_index=worst_index,
    )
