"""Rounding to the dtype of a rung: what changes, what stays, and that it is always a copy."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.data.dtypes import FLOATS, cast, epsilon, is_floating, largest


@pytest.mark.parametrize(
    ("dtype", "eps", "top"),
    [
        ("float64", 2.0**-52, (2 - 2.0**-52) * 2.0**1023),
        ("float32", 2.0**-23, (2 - 2.0**-23) * 2.0**127),
        ("bfloat16", 2.0**-7, (2 - 2.0**-7) * 2.0**127),
        ("float16", 2.0**-10, 65504.0),
    ],
)
def test_epsilon_and_largest(dtype, eps, top):
    assert (epsilon(dtype), largest(dtype)) == (eps, top)
    one = FLOATS[dtype].type(1)
    assert FLOATS[dtype].type(1 + eps) > one
    with np.errstate(over="ignore"):
        assert np.isinf(cast(np.array(top * (1 + eps) if dtype != "float64" else np.inf), dtype))


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.float64, True),
        (np.float16, True),
        (ml_dtypes.bfloat16, True),
        (np.int64, False),
        (bool, False),
        (np.complex64, False),
        (object, False),
        ("U3", False),
    ],
)
def test_is_floating(dtype, expected):
    assert is_floating(np.dtype(dtype)) is expected


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("source", [*FLOATS.values(), np.dtype(np.int32), np.dtype(np.uint8), np.dtype(bool)])
def test_a_cast_is_a_copy(source, dtype):
    array = np.array([1, 0, 1]).astype(source)
    before = array.tobytes()
    copy = cast(array, dtype)
    assert copy.dtype == (FLOATS[dtype] if is_floating(source) else source)
    copy[:] = copy.dtype.type(3)
    assert array.tobytes() == before


def test_integers_and_booleans_keep_their_values():
    for array in (np.array([2**62 + 1, -(2**62)]), np.array([True, False])):
        np.testing.assert_array_equal(cast(array, "float16"), array)


@pytest.mark.parametrize(
    ("dtype", "expected"), [("float64", "complex128"), ("float32", "complex64"), ("bfloat16", "complex64")]
)
def test_complex_numbers_follow_the_rung(dtype, expected):
    out = cast(np.array([1 + 2j]), dtype)
    assert out.dtype == expected
    assert out[0] == 1 + 2j


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bits_are_made_by_way_of_float32(dtype):
    # Just above the middle of 1 and 1 + eps: float32 rounds it to the middle, and the tie then goes to 1.
    value = np.array([1 + epsilon(dtype) / 2 + 2.0**-40])
    assert cast(value, dtype)[0] == 1
    assert cast(value, "float32")[0] == 1 + epsilon(dtype) / 2


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_overflow_and_nan_without_a_warning(dtype):
    out = cast(np.array([1e300, -1e300, np.nan, 1e-300]), dtype).astype(np.float64)
    np.testing.assert_array_equal(out, [np.inf, -np.inf, np.nan, 0.0])


@given(st.lists(st.floats(width=16), min_size=1), st.sampled_from(["float64", "float32"]))
def test_widening_is_exact(values, dtype):
    narrow = np.array(values, np.float16)
    np.testing.assert_array_equal(cast(cast(narrow, dtype), "float16"), narrow)


@given(st.lists(st.floats(-1e30, 1e30), min_size=1), st.sampled_from(["float32", "bfloat16"]))
def test_rounding_twice_is_rounding_once(values, dtype):
    once = cast(np.array(values), dtype)
    assert cast(cast(once, "float64"), dtype).tobytes() == once.tobytes()
