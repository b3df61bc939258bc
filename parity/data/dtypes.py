"""The dtypes of the precision rungs, and what rounding to one of them means."""

from __future__ import annotations

import ml_dtypes
import numpy as np

FLOATS: dict[str, np.dtype] = {
    "float64": np.dtype(np.float64),
    "float32": np.dtype(np.float32),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float16": np.dtype(np.float16),
}
SIXTEEN_BITS = ("bfloat16", "float16")
_COMPLEX: dict[str, np.dtype] = {"float64": np.dtype(np.complex128), "float32": np.dtype(np.complex64)}


def is_floating(dtype: np.dtype) -> bool:
    """Real floating-point numbers, bfloat16 included."""
    return dtype.kind == "f" or dtype == FLOATS["bfloat16"]


def is_inexact(dtype: np.dtype) -> bool:
    """Real or complex floating-point numbers: what can be differentiated."""
    return is_floating(dtype) or dtype.kind == "c"


def epsilon(dtype: str) -> float:
    """Distance from 1 to the next larger number of this dtype."""
    return float(ml_dtypes.finfo(FLOATS[dtype]).eps)


def largest(dtype: str) -> float:
    """Largest finite number of this dtype."""
    return float(ml_dtypes.finfo(FLOATS[dtype]).max)


def smallest(dtype: str) -> float:
    """Smallest positive number of this dtype that has all of its bits."""
    return float(ml_dtypes.finfo(FLOATS[dtype]).smallest_normal)


def cast(array: np.ndarray, dtype: str) -> np.ndarray:
    """A copy of `array` at the precision `dtype`; integers and booleans keep theirs.

    16-bit values are made by way of float32, so that all frameworks would round the same way (torch rounds float64 to
    float16 twice, NumPy once). There are no 16-bit complex numbers: these become complex64.
    """
    if array.dtype.kind == "c":
        return array.astype(_COMPLEX.get(dtype, _COMPLEX["float32"]))
    if not is_floating(array.dtype):
        return array.copy()
    target = FLOATS[dtype]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return (array.astype(np.float32) if target.itemsize < 4 else array).astype(target)


def as_float64(array: np.ndarray) -> np.ndarray:
    """The values in float64, or in complex128 for complex ones."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def is_alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Of one shape, and both complex or neither: what can be compared, whatever the precision."""
    return one.shape == other.shape and (one.dtype.kind == "c") == (other.dtype.kind == "c")


def is_discrete(array: np.ndarray) -> bool:
    """Whole numbers or booleans: rounding is owed by none of them."""
    return array.dtype.kind in "iub"
