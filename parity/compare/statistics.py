"""What one comparison of two arrays says, and how the results of its blocks become one.

A comparison is cut into blocks of a fixed number of elements. Each block leaves one `ROW`; rows merge into a row. A
merge depends on no order (counts, extremes) or rounds exactly (`math.fsum`), so the number of threads does not show.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

LARGEST = sys.float_info.max
BINS = 2048  # one for each exponent of a float64

# A sum of squares is `square · 4**shift`: a block of huge or tiny numbers is scaled before it is squared.
ROW = np.dtype(
    [(name, np.int64) for name in ("mismatches", "nan_actual", "nan_expected", "nan_mismatches", "inf_mismatches")]
    + [("finite_pairs", np.int64), ("max_abs", np.float64), ("max_rel", np.float64), ("max_ulp", np.uint64)]
    + [("square_error", np.float64), ("shift_error", np.int64)]
    + [
        (f"{name}_{side}", np.float64)
        for side in ("actual", "expected")
        for name in ("lowest", "highest", "peak", "square")
    ]
    + [(f"shift_{side}", np.int64) for side in ("actual", "expected")]
    + [("worst", np.int64), ("broken", np.int64)]  # first element of the block with max_abs, with a non-finite mismatch
)
_COUNTS = ("mismatches", "nan_actual", "nan_expected", "nan_mismatches", "inf_mismatches", "finite_pairs")
_LARGEST = ("max_rel", "max_ulp", "highest_actual", "highest_expected", "peak_actual", "peak_expected")


@dataclass(frozen=True)
class Statistics:
    """The differences between `actual` and `expected`; every float is a float64, in the unit of the values.

    Equal means equal as values: -0.0 equals 0.0, an infinity one of the same sign, NaN a NaN in the same place.
    Nothing exceeds the largest float64: a difference, a norm or a peak beyond it is given as it.

    Args:
        size: number of elements on each side.
        mismatches: elements that are not equal: finite ones, `nan_mismatches` and `inf_mismatches`.
        nan_actual, nan_expected: NaN elements on that side.
        nan_mismatches: elements that are NaN on one side only; complex: NaN somewhere and not equal part by part.
        inf_mismatches: elements without NaN, infinite on one side only or with another sign.
        finite_pairs: elements finite on both sides; only these enter the next four, `norm_error` and `histogram`.
        max_abs: largest |actual - expected|; 0.0 if there is no finite pair.
        max_rel: largest |actual - expected| / max(|actual|, |expected|), between 0 and 2; 0.0 where both are zero.
        max_ulp: largest distance in representable numbers of the dtype; None unless the dtype is a real float.
        rms: root of the mean of (actual - expected)².
        norm_actual, norm_expected: root of the sum of squares of the finite values.
        norm_error: the same of actual - expected.
        peak_actual, peak_expected: largest |finite value|; 0.0 if there is none.
        lowest_actual, highest_actual, lowest_expected, highest_expected: extreme finite values, of a complex array
            those of its real and imaginary parts together; None if there is none. Integers beyond 2**53 are rounded.
        worst_index: first non-finite mismatch in C order, else the first place of `max_abs`; None if all is equal.
        histogram: pairs (exponent, count) in rising order: `count` differences with 2**exponent <= |difference| <
            2**(exponent + 1). Equal elements are not in it; -1023 holds everything below 2**-1022.
    """

    size: int
    mismatches: int
    nan_actual: int
    nan_expected: int
    nan_mismatches: int
    inf_mismatches: int
    finite_pairs: int
    max_abs: float
    max_rel: float
    max_ulp: int | None
    rms: float
    norm_actual: float
    norm_expected: float
    norm_error: float
    peak_actual: float
    peak_expected: float
    lowest_actual: float | None
    highest_actual: float | None
    lowest_expected: float | None
    highest_expected: float | None
    worst_index: tuple[int, ...] | None
    histogram: tuple[tuple[int, int], ...]

    @property
    def error(self) -> float:
        """max_abs / max(peak_actual, peak_expected): 0.0 if all is equal, infinite if a NaN or an infinity differs."""
        if self.nan_mismatches or self.inf_mismatches:
            return math.inf
        return self.max_abs / max(self.peak_actual, self.peak_expected) if self.mismatches else 0.0

    def decades(self, unit: float) -> dict[int, int]:
        """The histogram by powers of ten of `unit`: decade → count, by the lower edge of each bin (a factor 2)."""
        counts: dict[int, int] = {}
        for exponent, count in self.histogram:
            decade = math.floor(exponent * math.log10(2) - math.log10(unit))
            counts[decade] = counts.get(decade, 0) + count
        return counts


def blank_rows(count: int) -> np.ndarray:
    """`count` rows of nothing: what merges into any row and leaves it as it is."""
    rows = np.zeros(count, ROW)
    for side in ("actual", "expected"):
        rows[f"lowest_{side}"] = np.inf
        rows[f"highest_{side}"] = -np.inf
    rows["worst"] = rows["broken"] = -1
    return rows


def merge(rows: np.ndarray) -> np.ndarray:
    """The one row (an array of length 1) that the rows of consecutive blocks, in their order, add up to."""
    merged = blank_rows(1)
    if not rows.size:
        return merged
    for name in _COUNTS:
        merged[name] = rows[name].sum()
    for name in _LARGEST:
        merged[name] = rows[name].max()
    for side in ("actual", "expected"):
        merged[f"lowest_{side}"] = rows[f"lowest_{side}"].min()
    for part in ("actual", "expected", "error"):
        squares, shifts = rows[f"square_{part}"], rows[f"shift_{part}"]
        if squares.any():
            shift = shifts[squares > 0].max()
            # A zero square may carry a larger shift than the others: it must not overflow, and 0 stays 0.
            scaled = np.ldexp(squares, 2 * np.minimum(shifts - shift, 0))
            merged[f"square_{part}"], merged[f"shift_{part}"] = math.fsum(scaled), shift
    worst = rows["max_abs"].argmax()
    merged["max_abs"], merged["worst"] = rows["max_abs"][worst], rows["worst"][worst]
    broken = rows["broken"] >= 0
    if broken.any():
        merged["broken"] = rows["broken"][broken.argmax()]
    return merged


def root(square: float, shift: int, count: int = 1) -> float:
    """Square root of `square · 4**shift / count`, at most the largest float64."""
    try:
        return math.ldexp(math.sqrt(square / count), shift)
    except OverflowError:
        return LARGEST


def statistics(
    row: np.ndarray, histogram: np.ndarray, size: int, worst_index: tuple[int, ...] | None, *, has_ulp: bool
) -> Statistics:
    """The public numbers from the merged row and the counts of each exponent."""
    value = {name: row[name].item() for name in ROW.names or ()}
    pairs = value["finite_pairs"]
    sides: dict[str, Any] = {
        f"norm_{side}": root(value[f"square_{side}"], value[f"shift_{side}"])
        for side in ("actual", "expected", "error")
    }
    for side in ("actual", "expected"):
        seen = value[f"lowest_{side}"] <= value[f"highest_{side}"]
        for name in (f"lowest_{side}", f"highest_{side}"):
            sides[name] = value[name] if seen else None
        sides[f"peak_{side}"] = value[f"peak_{side}"]
    return Statistics(
        size=size,
        **{name: value[name] for name in _COUNTS},
        max_abs=value["max_abs"],
        max_rel=value["max_rel"],
        max_ulp=value["max_ulp"] if has_ulp else None,
        rms=root(value["square_error"], value["shift_error"], max(pairs, 1)),
        **sides,
        worst_index=worst_index,
        histogram=tuple((int(index) - 1023, int(histogram[index])) for index in np.flatnonzero(histogram)),
    )
