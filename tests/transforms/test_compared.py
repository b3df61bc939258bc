"""The verdict of two trees of arrays."""

from __future__ import annotations

import numpy as np
import pytest

from parity.data.arguments import parse
from parity.judge.finding import Verdict
from parity.judge.tolerances import FLOAT64_EQUAL
from parity.transforms.compared import ValueRunner, as_result, compared, judged

A = np.array([1.0, -2.0, 3.0])


def verdict(actual, expected):
    return compared(actual, expected).verdict


class TestVerdicts:
    def test_exact(self):
        assert compared({"a": A}, {"a": A.copy()}).message == "bit-equal"
        assert verdict({"a": A, "n": np.array(3)}, {"a": A, "n": np.array(3)}) is Verdict.EXACT

    @pytest.mark.parametrize(("factor", "expected"), [(0.5, Verdict.ROUNDING), (2.0, Verdict.SEMANTIC)])
    def test_the_tolerance_is_that_of_float64(self, factor, expected):
        found = compared({"a": A}, {"a": A + np.array([0, 0, 3 * factor * FLOAT64_EQUAL])})
        assert found.verdict is expected
        assert found.error == pytest.approx(factor * FLOAT64_EQUAL, rel=1e-3)
        assert found.message.startswith("a: largest difference ")

    def test_the_worst_leaf_and_its_place(self):
        found = compared({"a": A, "b": A}, {"a": A + 1e-16, "b": A * [1, 1, 2]})
        assert found.verdict is Verdict.SEMANTIC
        assert found.message == "b: largest difference 0.5 of the leaf's largest magnitude: 3.0 against 6.0 at [2]"

    def test_whole_numbers_must_be_equal(self):
        found = compared({"count": np.array(1)}, {"count": np.array(2)})
        assert (found.verdict, found.message[:6]) == (Verdict.SEMANTIC, "count:")
        assert verdict({"count": np.array(0)}, {"count": np.array(0)}) is Verdict.EXACT

    def test_nan_on_one_side(self):
        assert verdict({"a": A}, {"a": A * [1, 1, np.nan]}) is Verdict.SEMANTIC
        assert verdict({"a": np.zeros(3)}, {"a": np.array([0, 0, np.nan])}) is Verdict.SEMANTIC


class TestNothingToSee:
    @pytest.mark.parametrize("array", [np.zeros(3), np.zeros((0, 3)), np.full(3, np.nan), np.array(0.0)])
    def test_no_leaf_that_could_differ(self, array):
        assert verdict({"a": array}, {"a": array.copy()}) is Verdict.VACUOUS

    def test_no_leaf_at_all(self):
        assert verdict({}, {}) is Verdict.VACUOUS

    def test_nan_beside_numbers_is_still_told(self):
        nan = np.full(3, np.nan)
        assert verdict({"a": A, "b": nan}, {"a": A, "b": nan}) is Verdict.VACUOUS

    def test_zeros_beside_numbers(self):
        assert verdict({"a": A, "b": np.zeros(2)}, {"a": A, "b": np.zeros(2)}) is Verdict.EXACT

    def test_zero_but_for_rounding(self):
        assert verdict({"a": A, "b": np.array([1e-17])}, {"a": A, "b": np.array([-2e-17])}) is Verdict.EXACT
        assert verdict({"a": A, "b": np.array([1e-11])}, {"a": A, "b": np.array([-2e-11])}) is Verdict.SEMANTIC

    def test_a_zero_gradient_on_one_side_alone(self):
        assert verdict({"a": A, "b": np.zeros(3)}, {"a": A, "b": A}) is Verdict.SEMANTIC


class TestEveryLeaf:
    """Where a leaf of zeros, NaN or Inf would be a result that got lost."""

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({}, Verdict.EXACT),
            ({"a": A + 1e-15}, Verdict.ROUNDING),
            ({"b": np.arange(4.0) * (1 + 1e-11)}, Verdict.SEMANTIC),
            ({"a": A * [1, np.nan, 1]}, Verdict.SEMANTIC),
            ({"a": A.astype(np.float32)}, Verdict.STRUCTURE),
            ({"a": A.reshape(3, 1)}, Verdict.STRUCTURE),
            ({"c": A}, Verdict.STRUCTURE),
        ],
    )
    def test_verdicts(self, change, expected):
        tree = {"a": A, "b": np.arange(4.0)}
        assert compared(tree | change, tree, every_leaf=True).verdict is expected

    @pytest.mark.parametrize("number", [np.nan, np.inf])
    def test_no_number_is_infinitely_far(self, number):
        array = np.array([1.0, number])
        found = compared({"a": array}, {"a": array.copy()}, "both", every_leaf=True)
        assert (found.verdict, found.error) == (Verdict.SEMANTIC, np.inf)
        assert found.message == "both: a: not all numbers are finite"

    @pytest.mark.parametrize("array", [np.zeros(3), np.zeros((0, 3))])
    def test_a_leaf_of_zeros_beside_numbers(self, array):
        found = compared({"a": A, "b": array}, {"a": A, "b": array.copy()}, every_leaf=True)
        assert found.verdict is Verdict.VACUOUS
        assert found.message == "b: all zero or empty: nothing could have differed"

    def test_a_small_leaf_is_no_zero(self):
        small = {"a": A, "b": np.array([1e-17])}
        assert compared(small, small, every_leaf=True).verdict is Verdict.EXACT
        assert compared(small, {"a": A, "b": np.array([2e-17])}, every_leaf=True).verdict is Verdict.SEMANTIC

    def test_nothing_at_all(self):
        assert compared({}, {}, every_leaf=True).verdict is Verdict.VACUOUS


def test_the_sentence_begins_with_what_is_compared():
    assert compared({"a": A}, {"a": A}, "worker 1 = one device").message == "worker 1 = one device: bit-equal"


class TestStructure:
    @pytest.mark.parametrize(
        ("actual", "expected", "words"),
        [
            ({"a": A}, {"b": A}, "only actual returns a; only expected returns b"),
            ({"a": A}, {}, "only actual returns a"),
            ({"a": A}, {"a": A[:2]}, "a: actual returns shape (3,), expected returns shape (2,)"),
            ({"a": A}, {"a": A.astype(np.float32)}, "a: actual returns dtype float64, expected returns dtype float32"),
        ],
    )
    def test_it_is_told(self, actual, expected, words):
        found = compared(actual, expected)
        assert (found.verdict, found.message, found.error) == (Verdict.STRUCTURE, words, float("inf"))


def test_a_value_that_can_be_run_again_is_judged_by_what_moves_it():
    """A difference above the tolerance that is float64's own rounding, seen on moved inputs and in float32."""
    x = np.linspace(1.0, 2.0, 16)

    def naive(inputs, dtype):
        x = inputs["x"].astype(dtype)
        return {"out": np.asarray(((x + x.dtype.type(1e6)) - x.dtype.type(1e6)) - x)}

    def exact(inputs, dtype):
        return {"out": np.zeros_like(inputs["x"].astype(dtype))}

    def shifted(function):
        return lambda inputs, dtype: {"out": function(inputs, dtype)["out"] + inputs["x"].astype(dtype)}

    def runner(function):
        return ValueRunner(function({"x": x}, "float64"), lambda inputs, dtype: as_result(function(inputs, dtype)))

    runners = {"left": runner(shifted(naive)), "right": runner(shifted(exact))}
    again = judged(runners, parse({"x": x}, "all", ()))
    assert again.error > FLOAT64_EQUAL
    assert again.verdict in (Verdict.ROUNDING, Verdict.STABILITY)  # no other function
    assert (
        compared(runners["left"].value, runners["right"].value).verdict is Verdict.SEMANTIC
    )  # nothing can be run again
