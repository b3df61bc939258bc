"""The ladder, through `parity.check`: each verdict, the side it names, and what swapping the sides changes.

Functions that use operators and methods only run in both frameworks, so that either can be given either one.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

import parity
from parity import Verdict
from parity.data.inputs import normal

pytestmark = pytest.mark.both

SWAPPED = {"jax": "torch", "torch": "jax", None: None}
X = normal((64, 5), 0, "x")
MANY = np.abs(normal((512, 5), 4, "x"))
NEAR_ZERO = normal((64, 5), 1, "y")
OFFSET = (1000 + normal((64, 5), 2, "x")).astype(np.float32)


@pytest.fixture(autouse=True, scope="module")
def frameworks():
    global jax, jnp, torch
    import jax
    import jax.numpy as jnp
    import torch


def is_jax(x):
    return isinstance(x, jax.Array)


def exp(x):
    return jnp.exp(x) if is_jax(x) else torch.exp(x)


def log(x):
    return jnp.log(x) if is_jax(x) else torch.log(x)


def concrete(x, value):
    return jnp.asarray(value, x.dtype) if is_jax(x) else torch.as_tensor(value, dtype=x.dtype)


def in_float32(x):
    """A float32 step in the middle of whatever precision there is."""
    if is_jax(x):
        return jnp.exp(x.astype(jnp.float32)).astype(x.dtype)
    return torch.exp(x.to(torch.float32)).to(x.dtype)


def stopped(x):
    return jax.lax.stop_gradient(x) if is_jax(x) else x.detach()


def variance(x):
    return ((x - x.mean(0)) ** 2).mean(0)


def naive_variance(x):
    return (x * x).mean(0) - x.mean(0) ** 2


def low_precision_sum(x):
    """Adds up in the dtype of x, one row after the other."""
    total = x[0]
    for row in range(1, len(x)):
        total = total + x[row]
    return total


def check(jax_fn, torch_fn, inputs=(X,), **options):
    return parity.check(jax_fn, torch_fn, inputs, **options)


def found(report, leaf="out", dtype="float64"):
    (finding,) = [f for f in report.findings if (f.leaf, f.dtype) == (leaf, dtype)]
    return finding


def first_left(a, b, c):
    return (a * 0.1 + b * 0.3) + c * 0.7


def first_right(a, b, c):
    return a * 0.1 + (b * 0.3 + c * 0.7)


ABC = (X, NEAR_ZERO, normal((64, 5), 3, "c"))


class TestPasses:
    def test_exact(self):
        report = check(lambda x: x * 2, lambda x: x + x)
        assert report.verdict is Verdict.EXACT
        assert [(f.leaf, f.dtype) for f in report.findings] == [
            (leaf, dtype) for dtype in ("float64", "float32") for leaf in ("out", "grad/x")
        ]
        assert {(f.error, f.mismatches, f.side, f.index) for f in report.findings} == {(0.0, 0, None, None)}

    @pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
    def test_rounding(self, dtype):
        report = check(first_left, first_right, ABC, dtypes=(dtype,))
        assert report.passed
        finding = found(report, dtype=dtype)
        assert finding.verdict is Verdict.ROUNDING
        assert finding.side is None
        assert (
            0 < finding.error < 4 * {"float64": 2**-52, "float32": 2**-23, "bfloat16": 2**-7, "float16": 2**-10}[dtype]
        )
        assert 0 < finding.mismatches < finding.size == 320
        assert finding.actual != finding.expected
        assert (finding.truth is None) is (dtype == "float64")  # without a reference nothing is truer than both

    def test_a_badly_conditioned_place_is_rounding(self):
        # Cancellation leaves 1e-10 of relative error in float64 on both sides alike: not a different function.
        report = check(
            lambda a, b, c: (a * 0.1 + c * 0.7) + b * 1e6 - b * 1e6,
            lambda a, b, c: a * 0.1 + (b * 1e6 + c * 0.7) - b * 1e6,
            ABC,
            wrt=(),
        )
        finding = found(report)
        assert finding.error > 1e-12
        assert finding.verdict is Verdict.ROUNDING
        assert "scales as rounding does" in finding.message

    def test_zero_but_for_rounding_on_one_side(self):
        # The gradient of a shift in front of a softmax: exactly zero, or some 1e-17.
        def softmax(x, shift):
            logits = exp(x + shift)
            return logits / logits.sum(1)[:, None]

        report = check(softmax, lambda x, shift: softmax(x, shift * 1), (X, np.float32(0.5)), wrt="shift")
        assert found(report, "grad/shift").verdict in (Verdict.ROUNDING, Verdict.EXACT)
        assert found(check(softmax, softmax, (X, np.float32(0.5)))).verdict.passes


class TestSemantic:
    @pytest.mark.parametrize("factor", [-2.0, 2.00002, 0.0])
    def test_a_different_function(self, factor):
        finding = found(check(lambda x: x * 2, lambda x: x * factor))
        assert finding.verdict is Verdict.SEMANTIC
        assert finding.side is None
        assert finding.error == pytest.approx(abs(2 - factor) / max(2, abs(factor)), rel=1e-9)
        assert finding.actual == pytest.approx(2 * finding.expected / factor if factor else finding.actual)

    @pytest.mark.parametrize("wrong", ["jax", "torch"])
    def test_the_reference_tells_the_side(self, wrong):
        functions = {"jax": lambda x: x * 2, "torch": lambda x: x * 2, wrong: lambda x: x * 2.5}
        finding = found(check(*functions.values(), reference=lambda x: x * 2))
        assert (finding.verdict, finding.side) == (Verdict.SEMANTIC, wrong)

    def test_agreeing_with_each_other_and_not_with_the_reference(self):
        report = check(lambda x: x * 2, lambda x: x * 2, reference=lambda x: x * 2.0001)
        finding = found(report)
        assert finding.verdict is Verdict.SEMANTIC
        assert finding.side is None
        assert "not with the reference" in finding.message
        assert finding.error == pytest.approx(0.0001 / 2.0001)
        assert not report.passed

    def test_a_naive_reference_is_near_enough(self):
        assert check(variance, variance, (OFFSET,), reference=naive_variance).passed

    def test_both_away_from_the_reference(self):
        finding = found(check(lambda x: x * 2, lambda x: x * 3, reference=lambda x: x * 4))
        assert (finding.verdict, finding.side) == (Verdict.SEMANTIC, None)

    @pytest.mark.parametrize("side", ["jax", "torch"])
    def test_a_stopped_gradient(self, side):
        whole, half = (lambda x: exp(x) * x), (lambda x: stopped(exp(x)) * x)
        report = check(*((half, whole) if side == "jax" else (whole, half)))
        assert found(report).verdict.passes
        assert found(report, "grad/x").verdict is Verdict.SEMANTIC

    @pytest.mark.parametrize("side", ["jax", "torch"])
    def test_no_gradient_at_all_on_one_side(self, side):
        whole, none = (lambda x: x * 2), (lambda x: stopped(x) * 2)
        report = check(*((none, whole) if side == "jax" else (whole, none)))
        assert found(report).verdict is Verdict.EXACT
        assert found(report, "grad/x").verdict is Verdict.SEMANTIC

    @pytest.mark.parametrize("side", ["jax", "torch"])
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_not_finite_on_one_side(self, side, value):
        def good(x):
            return x * 2

        def bad(x):
            return x * 2 + concrete(x, [0.0, 0.0, value, 0.0, 0.0])

        finding = found(check(*((bad, good) if side == "jax" else (good, bad)), wrt=()))
        assert (finding.verdict, finding.side) == (Verdict.SEMANTIC, side)
        assert finding.causes[0].name == "NaN or infinity"
        assert re.search(rf"{side}:? 64 of 320", finding.message)
        assert finding.index == (0, 2)
        assert np.isinf(finding.error)

    def test_infinities_of_other_signs(self):
        finding = found(check(lambda x: x + jnp.inf, lambda x: x - torch.inf, wrt=()))
        assert (finding.verdict, finding.side) == (Verdict.SEMANTIC, None)

    def test_discrete_values(self):
        finding = found(check(lambda x: x > 0, lambda x: x >= -1, wrt=()))
        assert finding.verdict is Verdict.SEMANTIC
        assert "discrete values differ" in finding.message


class TestStructure:
    @pytest.mark.parametrize(
        ("jax_fn", "torch_fn", "leaf"),
        [
            (lambda x: x, lambda x: x.T, "out"),
            (lambda x: x.sum(), lambda x: x.sum()[None], "out"),
            (lambda x: x, lambda x: x > 0, "out"),
            (lambda x: {"a": x}, lambda x: {"b": x}, "out"),
            (lambda x: (x, x), lambda x: (x,), "out"),
            (lambda x: (x, None), lambda x: (x, x), "out/1"),
            (lambda x: (x, "mean"), lambda x: (x, "sum"), "out/1"),
        ],
    )
    def test_structure(self, jax_fn, torch_fn, leaf):
        report = check(jax_fn, torch_fn, wrt=())
        assert report.verdict is Verdict.STRUCTURE
        assert found(report, leaf).verdict is Verdict.STRUCTURE

    @pytest.mark.parametrize(
        ("reference", "words"),
        [
            (lambda x: (x * 2).T, "both sides return shape (64, 5), the reference returns shape (5, 64)"),
            (lambda x: {"y": x * 2}, "both sides return out, the reference does not"),
            (lambda x: np.array(["two"]), "the reference returns dtype <U3, expected numbers"),
        ],
    )
    def test_a_reference_that_cannot_be_compared_is_not_passed_over(self, reference, words):
        finding = found(check(lambda x: x * 2, lambda x: x * 2, reference=reference))
        assert (finding.verdict, finding.message) == (Verdict.STRUCTURE, words)


class TestVacuous:
    @pytest.mark.parametrize(
        ("function", "words"),
        [
            (lambda x: x * 0, "every element is zero on both sides"),
            (lambda x: x * 0 + 3, "every element is 3 on both sides: constant"),
            (lambda x: x * np.nan, "all NaN on both sides"),
            (lambda x: x[:0], "the leaf is empty"),
            (lambda x: x * 0 + np.inf, "no finite number on either side"),
            (lambda x: exp(1e4 + x), "no finite number on either side"),
            (lambda x: x > 1e9, "every element is zero on both sides"),
            (lambda x: x.sum() * 0, "every element is zero on both sides"),
            (lambda x: (), "neither side returns anything"),
            (lambda x: {}, "neither side returns anything"),
        ],
    )
    def test_what_could_not_have_failed(self, function, words):
        report = check(function, function, wrt=())
        assert {f.verdict for f in report.findings} == {Verdict.VACUOUS}
        assert len(report.findings) == 2
        assert all(words in f.message for f in report.findings)
        assert not report.passed

    def test_without_floating_outputs_there_is_no_gradient_to_miss(self):
        report = check(lambda x: x > 0, lambda x: x > 0)
        assert [f.leaf for f in report.findings] == ["out", "out"]
        assert report.verdict is Verdict.EXACT

    def test_no_gradient_flows_on_either_side(self):
        report = check(lambda x: stopped(x) * 2, lambda x: stopped(x) * 2)
        assert found(report).verdict is Verdict.EXACT
        assert found(report, "grad/x").verdict is Verdict.VACUOUS
        assert "no gradient flows to x on either side" in found(report, "grad/x").message

    @pytest.mark.parametrize(
        "function", [lambda x: x.sum(), lambda x: x * 2, lambda x: x + concrete(x, [np.nan, 0, 0, 0, 0])]
    )
    def test_what_could_have_failed(self, function):
        assert found(check(function, function, wrt=())).verdict is Verdict.EXACT

    def test_a_constant_on_one_side_only_is_a_difference(self):
        assert found(check(lambda x: x * 0, lambda x: x, wrt=())).verdict is Verdict.SEMANTIC


@pytest.mark.parametrize("side", ["jax", "torch"])
class TestSides:
    def sided(self, side, good, odd, *args, **options):
        return check(*((odd, good) if side == "jax" else (good, odd)), *args, **options)

    def test_stability_in_float32(self, side):
        report = self.sided(side, variance, naive_variance, (OFFSET,), wrt=())
        finding = found(report, dtype="float32")
        assert (finding.verdict, finding.side) == (Verdict.STABILITY, side)
        assert "units of float32" in finding.message
        assert not report.passed

    def test_stability_of_the_gradient_and_in_float64(self, side):
        finding = found(self.sided(side, variance, naive_variance, (OFFSET * 30,), wrt=()))
        assert (finding.verdict, finding.side) == (Verdict.STABILITY, side)

    def test_stability_in_bfloat16(self, side):
        report = self.sided(side, lambda x: x.sum(0), low_precision_sum, (MANY,), wrt=(), dtypes=("bfloat16",))
        assert found(report).verdict.passes
        finding = found(report, dtype="bfloat16")
        assert (finding.verdict, finding.side) == (Verdict.STABILITY, side)

    def test_overflow_on_one_side_only(self, side):
        def softmax(x):
            logits = exp(x - concrete(x, 100.0))
            return logits / logits.sum(1)[:, None]

        def overflows(x):
            logits = exp(x)
            return logits / logits.sum(1)[:, None]

        report = self.sided(side, softmax, overflows, ((100 + X).astype(np.float32),), wrt=())
        assert found(report).verdict.passes
        finding = found(report, dtype="float32")
        assert (finding.verdict, finding.side) == (Verdict.STABILITY, side)
        assert "not finite where the float64 truth is" in finding.message

    @pytest.mark.parametrize("with_reference", [True, False])
    def test_internal_precision(self, side, with_reference):
        reference = np.exp if with_reference else None
        report = self.sided(side, exp, in_float32, wrt=(), reference=reference, dtypes=("float64",))
        finding = found(report)
        assert finding.verdict is Verdict.INTERNAL_PRECISION
        assert finding.side == side
        assert finding.causes[0].name == "low-precision step"
        assert 1e-9 < finding.error < 1e-6
        assert not report.passed


class TestBelowADifference:
    def test_float32_of_a_different_function(self):
        finding = found(check(lambda x: x * 2, lambda x: x * 3), dtype="float32")
        assert finding.verdict is Verdict.SEMANTIC
        assert finding.message.startswith("differs in float64 already; each side against its own float64 value")


class TestDiscrete:
    def test_a_tie_within_rounding(self):
        a, c = np.full(4, 2.0**24, np.float32), np.full(4, -(2.0**24), np.float32)
        b = np.array([1, 2, 3, 4], np.float32)
        report = check(
            lambda a, b, c: ((a + b) + c).astype(int), lambda a, b, c: (a + (b + c)).long(), (a, b, c), wrt=()
        )
        assert found(report).verdict is Verdict.EXACT
        finding = found(report, dtype="float32")
        assert finding.verdict is Verdict.ROUNDING
        assert "2 of 4 discrete values differ, each a tie" in finding.message

    @pytest.mark.parametrize("side", ["jax", "torch"])
    def test_no_tie(self, side):
        def overflows(x):
            return exp(x) / (exp(x) + 1) > 0.5  # in float32 infinity / infinity, which is above nothing

        def good(x):
            return x > 0

        pair = (overflows, good) if side == "jax" else (good, overflows)
        report = check(*pair, (np.concatenate([X, X + 200]).astype(np.float32),), wrt=())
        assert found(report).verdict is Verdict.EXACT
        finding = found(report, dtype="float32")
        assert (finding.verdict, finding.side) == (Verdict.STABILITY, side)


PAIRS = {
    "exact": (lambda x: x * 2, lambda x: x + x, {}),
    "rounding": (lambda x: (x + 0.1) + 0.7, lambda x: x + (0.1 + 0.7), {}),
    "semantic": (lambda x: x * 2, lambda x: x * 2.1, {}),
    "semantic with a side": (lambda x: x * 2, lambda x: x * 2.1, {"reference": lambda x: x * 2}),
    "third opinion": (lambda x: x * 2, lambda x: x + x, {"reference": lambda x: x * 3}),
    "not finite": (lambda x: x, lambda x: log(x) * 0 + x, {"wrt": ()}),
    "stopped": (lambda x: exp(x) * x, lambda x: stopped(exp(x)) * x, {}),
    "stability": (variance, naive_variance, {"inputs": (OFFSET,), "wrt": ()}),
    "bfloat16": (lambda x: x.sum(0), low_precision_sum, {"dtypes": ("bfloat16",), "inputs": (MANY,), "wrt": ()}),
    "internal": (exp, in_float32, {"reference": np.exp, "wrt": ()}),
    "structure": (lambda x: x, lambda x: x.T, {"wrt": ()}),
    "vacuous": (lambda x: x * 0, lambda x: x * 0, {}),
    "names": (lambda x: (x, x), lambda x: (x,), {"wrt": ()}),
}


@pytest.mark.parametrize("name", PAIRS)
def test_swapping_the_sides_swaps_the_side_and_keeps_the_verdict(name):
    one, other, options = PAIRS[name]
    report, swapped = check(one, other, **options), check(other, one, **options)
    assert [(f.leaf, f.dtype, f.verdict, SWAPPED[f.side]) for f in report.findings] == [
        (f.leaf, f.dtype, f.verdict, f.side) for f in swapped.findings
    ]
    for finding, mirror in zip(report.findings, swapped.findings, strict=True):
        assert finding.size == mirror.size
        # Both frameworks compute these elementwise functions alike but for the last bit.
        np.testing.assert_allclose(finding.error, mirror.error, rtol=0.5)


@pytest.mark.parametrize("mode", ["eager", "compiled"])
def test_the_mode_is_in_the_finding(mode):
    report = check(lambda x: x * 2, lambda x: x * 2, modes=(mode,), wrt=(), dtypes=())
    assert [(f.mode, f.verdict) for f in report.findings] == [(mode, Verdict.EXACT)]
