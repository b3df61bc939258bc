"""Vectors take the signs of those that they are aligned with, whatever signs they had, and nothing else changes."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.data.gauge import KINDS, Gauge
from parity.data.inputs import normal


def vector_axis(kind, array):
    return max({"sign": -2, "sign of rows": -1}[kind], -array.ndim)


@settings(deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(KINDS),
    shape=st.lists(st.integers(1, 5), min_size=0, max_size=3).map(tuple),
    dtype=st.sampled_from([np.float64, np.float32, np.float16, ml_dtypes.bfloat16]),
    seed=st.integers(0, 9),
)
def test_whatever_signs_a_side_has_the_aligned_values_are_the_same(kind, shape, dtype, seed):
    frame = normal(shape, seed, "frame").astype(dtype)
    signs = np.sign(normal(shape, seed, "signs"))
    signs = signs.take([0], vector_axis(kind, signs)) if shape else signs
    gauge = Gauge({"out": kind}, {"out": frame})
    turned = np.asarray(frame * signs.astype(dtype), dtype)
    np.testing.assert_array_equal(gauge.signs("out", turned), signs)
    aligned = np.asarray(gauge.aligned("out", turned))
    assert aligned.dtype == frame.dtype
    np.testing.assert_array_equal(aligned, frame)


def test_what_is_not_named_stays_as_it_is():
    gauge = Gauge({"out/0": "sign"}, {"out/0": np.ones((3, 2)), "out/1": np.ones((3, 2))})
    for leaf, value in (("out/1", -np.ones((3, 2))), ("out/0", np.full((3, 2), -1)), ("out/00", -np.ones((3, 2)))):
        assert gauge.signs(leaf, value) is None
        assert gauge.aligned(leaf, value) is value


def test_the_longest_name_counts():
    gauge = Gauge({"out": "sign", "out/svd/2": "sign of rows"})
    assert [gauge.kind(leaf) for leaf in ("out/svd/0", "out/svd/2", "out", "grad/x")] == ["sign", KINDS[1], "sign", ""]


@pytest.mark.parametrize("frame", [{}, {"out": np.ones((2, 3))}, {"out": None}])
def test_without_a_frame_of_its_shape_nothing_turns(frame):
    value = normal((3, 2), 0, "value")
    np.testing.assert_array_equal(Gauge({"out": "sign"}, frame).aligned("out", value), value)


def test_a_column_that_is_not_finite_or_orthogonal_stays():
    frame = np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
    value = np.array([[0.0, np.nan, -1.0], [1.0, -1.0, -1.0]])
    np.testing.assert_array_equal(Gauge({"out": "sign"}, {"out": frame}).signs("out", value), [[1, 1, -1]])
