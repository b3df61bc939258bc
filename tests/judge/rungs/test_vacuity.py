"""What could not have failed does not pass, and what is zero for a reason does."""

from __future__ import annotations

import numpy as np
import pytest

from parity import Verdict
from parity.data.inputs import normal
from tests.both import check, found, softmax, stopped

pytestmark = pytest.mark.both

X = normal((7, 5), 0, "x")
Y = normal((7, 5), 1, "y")
LOW = ("float32", "bfloat16")


@pytest.mark.parametrize(
    ("function", "inputs", "words"),
    [
        (lambda x: x * 2, np.zeros((2, 3), np.float32), "every element is zero"),
        (lambda x: x * 2, np.zeros((), np.float32), "every element is zero"),
        (lambda x: x - x + 7, X, "every element is 7 on both sides: constant"),
        (lambda x: x * 2, np.full(3, np.nan, np.float32), "all NaN"),
        (lambda x: x * 2, np.array([np.inf, -np.inf], np.float32), "no finite number"),
        (lambda x: x * 2, np.zeros((0, 3), np.float32), "the leaf is empty"),
        (lambda x: x != x, X, "every element is zero"),
    ],
)
@pytest.mark.parametrize("dtype", ["float64", *LOW])
def test_outputs(function, inputs, words, dtype):
    report = check(function, function, (inputs,), wrt=(), dtypes=(dtype,))
    finding = found(report, dtype=dtype)
    assert finding.verdict is Verdict.VACUOUS
    assert words in finding.message
    assert not finding.warning
    assert not report.passed


@pytest.mark.parametrize(
    "inputs",
    [
        np.array([0.0, 1e-3], np.float32),
        np.array([3.0], np.float32),  # one element is never constant
        np.array([np.nan, 1.0, 1.5], np.float32),
        np.array([np.inf, 1.0, 1.5], np.float32),
    ],
)
def test_one_number_that_could_have_differed_is_enough(inputs):
    assert found(check(lambda x: x * 2, lambda x: x * 2, (inputs,), wrt=())).verdict is Verdict.EXACT


class TestGradients:
    def test_an_input_that_no_output_depends_on_is_a_warning(self):
        report = check(lambda x, y: x * 2, lambda x, y: x * 2, (X, Y), dtypes=LOW)
        assert report.passed
        for dtype in ("float64", *LOW):
            finding = found(report, "grad/y", dtype)
            assert (finding.verdict, finding.warning) == (Verdict.EXACT, True)
            assert "no output depends on y on either side" in finding.message
            assert not found(report, "grad/x", dtype).warning
        assert "warning: grad/y" in str(report)

    def test_an_input_that_the_outputs_depend_on(self):
        report = check(lambda x, y: x + stopped(y), lambda x, y: x + stopped(y), (X, Y))
        finding = found(report, "grad/y")
        assert (finding.verdict, finding.warning) == (Verdict.VACUOUS, False)
        assert "no gradient flows to y on either side" in finding.message
        assert "wrt=" in finding.message
        assert check(lambda x, y: x + stopped(y), lambda x, y: x + stopped(y), (X, Y), wrt="x").passed

    @pytest.mark.parametrize("side", ["jax", "torch"])
    def test_dependence_on_one_side_alone_is_dependence(self, side):
        # Equal on these inputs, and neither side lets a gradient through.
        one, other = (lambda x, y: x + 0 * stopped(y)), (lambda x, y: x + stopped(y) - stopped(y).round())
        report = check(*((one, other) if side == "jax" else (other, one)), (X, Y.round()))
        assert found(report, "grad/y").verdict is Verdict.VACUOUS

    @pytest.mark.parametrize("function", [lambda x: x.sum(), lambda x: x.mean(), lambda x: (x * 3).sum()])
    def test_a_constant_gradient_is_a_number_that_the_cotangent_decides(self, function):
        report = check(function, function, (X,), dtypes=())
        assert found(report, "grad/x").verdict is Verdict.EXACT
        report = check(function, lambda x: function(x) + 0.01 * (x - stopped(x)).sum(), (X,), dtypes=())
        assert found(report, "grad/x").verdict is Verdict.SEMANTIC

    def test_an_input_whose_change_raises_is_depended_on(self):
        def refuses(x, y):
            if float(stopped(y).sum()) != 3.0:
                raise ValueError("y must add up to 3")
            return x * 2

        report = check(refuses, refuses, (X, np.ones(3, np.float32)), dtypes=())
        assert found(report, "grad/y").verdict is Verdict.VACUOUS

    @pytest.mark.parametrize("zero", [True, False], ids=["zeros", "numbers"])
    @pytest.mark.parametrize("sizes", [(7, 11, 5), (3, 4, 1), (1, 3, 1), (2, 4, 1)])
    def test_a_bias_in_front_of_a_softmax_passes(self, sizes, zero):
        """Its gradient is zero but for rounding, and exactly zero by luck: neither vacuous nor a difference."""
        queries, keys, size = sizes

        def attention(query, key, value, bias):
            return softmax(query @ (key + bias).T) @ value

        for seed in range(3):
            inputs = (
                normal((queries, size), seed, "query"),
                normal((keys, size), seed, "key"),
                normal((keys, 3), seed, "value"),
                normal((size,), seed, "bias") * np.float32(not zero),
            )
            report = check(attention, attention, inputs, wrt="bias", dtypes=LOW)
            verdicts = {(f.leaf, f.dtype): f.verdict for f in report.findings if f.leaf == "grad/bias"}
            assert set(verdicts.values()) <= {Verdict.EXACT, Verdict.ROUNDING}, (seed, str(report))

    @pytest.mark.parametrize("side", ["jax", "torch"])
    def test_a_bias_whose_gradient_should_be_zero_and_is_not_fails(self, side):
        def good(x, bias):
            return softmax(x + bias)

        def bad(x, bias):
            return softmax(x + bias) + 1e-6 * (bias - stopped(bias))

        report = check(*((bad, good) if side == "jax" else (good, bad)), (X, np.float32(0.5)), wrt="bias")
        assert found(report, "grad/bias").verdict is Verdict.SEMANTIC
