"""Variants of the inputs: what each does to the values, and names that tell them apart."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from parity.data.input_variant import GIVEN, OFF_ZERO, ON_TOP, PROPORTIONAL, InputVariant
from parity.data.inputs import REGIMES, in_regime, jittered, normal

GIVEN_ARRAYS = {
    "x": normal((5, 7), 0, "x"),
    "zeros": np.zeros(3, np.float32),
    "low": normal((4,), 0, "low").astype(ml_dtypes.bfloat16),
    "count": np.arange(3),
}


def test_the_given_values_are_widened_and_nothing_else():
    arrays = GIVEN.arrays(GIVEN_ARRAYS)
    for name in ("x", "zeros", "low"):
        assert arrays[name].dtype == np.float64
        assert np.array_equal(arrays[name], GIVEN_ARRAYS[name].astype(np.float64))
    assert arrays["count"].dtype == GIVEN_ARRAYS["count"].dtype


@pytest.mark.parametrize("regime", REGIMES)
def test_a_regime(regime):
    expected = in_regime("x", GIVEN_ARRAYS["x"], regime).astype(np.float64)
    assert np.array_equal(InputVariant(regime).arrays(GIVEN_ARRAYS)["x"], expected, equal_nan=True)


def test_rounding_comes_last():
    moved = GIVEN.moved(PROPORTIONAL, 1, 2.0**-10)
    exact, rounded = moved.arrays(GIVEN_ARRAYS)["x"], moved.rounded("bfloat16").arrays(GIVEN_ARRAYS)["x"]
    assert not np.array_equal(exact, rounded)
    assert np.array_equal(rounded, exact.astype(np.float32).astype(ml_dtypes.bfloat16).astype(np.float64))


def test_a_move_is_seeded_by_its_number_and_name():
    first = GIVEN.moved(PROPORTIONAL, 1, 0.1).arrays(GIVEN_ARRAYS)
    assert np.array_equal(first["x"], jittered("x", GIVEN_ARRAYS["x"], 1, 0.1))
    assert not np.array_equal(first["x"], GIVEN.moved(PROPORTIONAL, 2, 0.1).arrays(GIVEN_ARRAYS)["x"])
    assert first["zeros"].all()  # zeros hide nothing
    assert np.array_equal(first["count"], GIVEN_ARRAYS["count"])


def test_a_move_on_top_is_another_one():
    base = GIVEN.moved(PROPORTIONAL, 1, 0.1)
    both = base.moved(ON_TOP, 1, 0.1).arrays(GIVEN_ARRAYS)["x"]
    assert np.array_equal(both, jittered("again/x", base.arrays(GIVEN_ARRAYS)["x"], 1, 0.1))


def test_a_move_of_the_same_kind_takes_the_place_of_the_first():
    once = GIVEN.moved(PROPORTIONAL, 2, 0.1)
    assert GIVEN.moved(PROPORTIONAL, 1, 0.5).moved(PROPORTIONAL, 2, 0.1) == once
    assert GIVEN.moved(ON_TOP, 1, 0.5).moved(PROPORTIONAL, 2, 0.1) == once.moved(ON_TOP, 1, 0.5)


def test_off_zero_changes_zeros_alone():
    arrays = {"x": np.array([0.0, 3.0, 0.0, -4.0], np.float32), "count": np.arange(2)}
    moved = GIVEN.moved(OFF_ZERO, 1, 0.25).arrays(arrays)
    assert np.array_equal(moved["x"][[1, 3]], [3.0, -4.0])
    assert (moved["x"][[0, 2]] != 0).all()
    assert np.abs(moved["x"][[0, 2]]).max() < 4  # in proportion to the largest
    assert np.array_equal(moved["count"], arrays["count"])


def test_only_one_input_moves():
    moved = GIVEN.moved(PROPORTIONAL, 1, 0.5, only="x").arrays(GIVEN_ARRAYS)
    assert not np.array_equal(moved["x"], GIVEN_ARRAYS["x"])
    assert not moved["zeros"].any()


def test_names_tell_variants_apart():
    variants = [
        GIVEN,
        InputVariant("offset"),
        GIVEN.rounded("float32"),
        GIVEN.moved(PROPORTIONAL, 1, 0.1),
        GIVEN.moved(PROPORTIONAL, 2, 0.1),
        GIVEN.moved(PROPORTIONAL, 1, 0.2),
        GIVEN.moved(PROPORTIONAL, 1, 0.1, only="x"),
        GIVEN.moved(ON_TOP, 1, 0.1),
        GIVEN.moved(OFF_ZERO, 1, 0.1),
    ]
    assert len({variant.name for variant in variants}) == len(variants)
    assert GIVEN.name == "given"
    assert InputVariant("offset").moved(PROPORTIONAL, 1, 2.0**-10).rounded("float32").name == (
        "offset, moved 1 by 0.000977, rounded to float32"
    )
