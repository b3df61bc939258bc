"""Which side is worse: the errors of both to the float64 truth, what excuses them, and what says nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from parity import Verdict
from parity.data.arguments import parse
from parity.data.input_variant import GIVEN
from parity.data.inputs import cotangent, normal
from parity.execution.result import Result
from parity.execution.run_cache import RunCache
from parity.judge import tolerances
from parity.judge.rungs import float64
from parity.judge.rungs.error_ratio import ZERO, Errors, InputErrors, compare_sides
from parity.judge.rungs.leaf import Leaf
from tests.both import SWAPPED, cast, check, concrete, exp, found, is_jax, sided, softmax, stopped, through, where

pytestmark = pytest.mark.both

X = normal((64, 5), 0, "x")
SIDES = pytest.mark.parametrize("side", ["jax", "torch"])
Y = normal((3, 2), 0, "y")
# Logits of 1e4, of which bfloat16 keeps two digits: too few for which one is the largest.
QUERY, KEY = normal((256, 8), 0, "query") * np.float32(200), normal((64, 8), 0, "key") * np.float32(20)


@pytest.fixture(autouse=True, scope="module")
def frameworks():
    global jax, jnp, torch
    import jax
    import jax.numpy as jnp
    import torch


def variance(x):
    return ((x - x.mean(0)) ** 2).mean(0)


def fast_variance(x):
    return (x * x).mean(0) - x.mean(0) ** 2


def native_softmax(logits):
    return jax.nn.softmax(logits, -1) if is_jax(logits) else torch.softmax(logits, -1)


def weights(query, key):
    return native_softmax(query @ key.T)


def sigmoids(logits):
    """The softmax of two logits, without a sum in which the small weight is lost."""
    ahead = logits[:, :1] - logits[:, 1:]
    return 1 / (1 + exp(-ahead)), 1 / (1 + exp(ahead))


def columns(logits):
    return native_softmax(logits)[:, :1], native_softmax(logits)[:, 1:]


def saturated(weights, second):
    """The weighted sum of two rows of y; with inputs around 100 one logit is 100 - 100 · second above the other."""

    def function(x, y):
        first, other = weights(x[:, :2] * concrete(x, np.array([1.0, second])))
        return first * y[0] + other * y[1]

    return function


def in_float32(function):
    """The function with bfloat16 arrays, its arithmetic in float32."""

    def fine(*arrays):
        dtype = str(arrays[0].dtype).removeprefix("torch.")
        return (
            cast(function(*(cast(x, "float32") for x in arrays)), dtype) if dtype == "bfloat16" else function(*arrays)
        )

    return fine


def leaf_of(function, name="grad/x", **inputs):
    arguments = parse(inputs or {"x": X}, "all", (function,))
    cache = RunCache.live({"jax": function, "torch": function}, arguments)
    return Leaf(cache, name, "float32", "eager", GIVEN, (name,))


def errors(jax, torch, rms=None):
    """Errors of these sizes, in units, one for each input."""
    made = Errors(leaf_of(variance), ())
    for number, pair in enumerate(zip(jax, torch, strict=True)):
        made.measured[GIVEN.moved("moved", number, 0.1)] = InputErrors(1.0, pair, pair if rms is None else (rms, rms))
    return made


class TestWorse:
    @pytest.mark.parametrize(
        ("near", "far", "is_worse"),
        [
            (0.0, 3.9, False),  # a few units are no fault, whatever the ratio
            (0.0, 4.1, True),
            (3.0, 6.0, False),
            (3.0, 9.0, True),  # the near side is near: twice as far is worse
            (5.0, 15.0, False),  # it is far itself: both amplify rounding
            (5.0, 250.0, True),
        ],
    )
    def test_how_much_further_off(self, near, far, is_worse):
        assert errors([far] * 11, [near] * 11).worse() == ("jax" if is_worse else None)
        assert errors([near] * 11, [far] * 11).worse() == ("torch" if is_worse else None)

    @pytest.mark.parametrize(("times", "is_worse"), [(5, False), (8, False), (9, True), (11, True)])
    def test_how_often(self, times, is_worse):
        changing = [100.0] * times + [1.0] * (11 - times)
        assert errors(changing, [1.0] * 11).worse() == ("jax" if is_worse else None)

    def test_how_often_is_a_tolerance(self, monkeypatch):
        monkeypatch.setattr(tolerances, "SIDE_SHARE", 0.0)
        assert errors([100.0] * 5 + [1.0] * 6, [1.0] * 11).worse() == "jax"

    def test_a_single_large_error_is_not_enough(self):
        assert errors([100.0] * 11, [1.0] * 11, rms=1.0).worse() is None

    def test_nothing_measured(self):
        assert errors([], []).worse() is None
        assert errors([], []).have_digits()
        assert errors([], []).message() == "no error to the float64 truth could be measured"

    def test_an_error_whose_square_is_no_float(self):
        found = errors([1e200, 1e200], [1.0, 1.0])
        assert found.rms("jax") == pytest.approx(1e200)
        assert found.worse() == "jax"

    def test_digits_are_those_of_the_nearer_side_on_the_median_input(self):
        whole = 1 / np.finfo(np.float32).eps
        assert errors([whole] * 3, [0.2 * whole, 0.2 * whole, whole]).have_digits()
        assert not errors([whole] * 3, [0.3 * whole, 0.3 * whole, 0.0]).have_digits()


class TestNaturalScale:
    def test_of_a_linear_function_it_is_the_mean_gradient(self):
        pulled = np.abs(cotangent("out", X.shape) * 3.0 * X.astype(np.float64)).sum()
        assert leaf_of(lambda x: 3 * x).natural_scale(GIVEN) == pytest.approx(pulled / np.abs(X).sum(), rel=1e-6)

    def test_of_several_outputs_the_smallest_counts(self):
        pulled = np.abs(cotangent("out/1", X.shape) * 1e-3 * X.astype(np.float64)).sum()
        both = leaf_of(lambda x: (3 * x, 1e-3 * x, x > 0)).natural_scale(GIVEN)
        assert both == pytest.approx(pulled / np.abs(X).sum(), rel=1e-6)

    def test_where_there_is_none(self):
        assert leaf_of(lambda x: 3 * x, "out").natural_scale(GIVEN) == 0
        assert leaf_of(lambda out: 3 * out, "out", out=X).natural_scale(GIVEN) == 0
        assert leaf_of(lambda x: 3 * x + 1, x=np.zeros_like(X)).natural_scale(GIVEN) == 0
        assert leaf_of(lambda x: 3 * x, x=np.array([1.0, np.inf], np.float32)).natural_scale(GIVEN) == 0

    @SIDES
    def test_a_gradient_far_below_it_is_judged_by_it(self, side, monkeypatch):
        # y (1 - y) for y near one, against the same of 1 - y: the first has no more digits than y leaves.
        def sigmoid(x):
            return jax.nn.sigmoid(x + 10) if is_jax(x) else torch.sigmoid(x + 10)

        def complement(x):
            return 1 - (jax.nn.sigmoid(-10 - x) if is_jax(x) else torch.sigmoid(-10 - x))

        finding = found(sided(side, sigmoid, complement, (X,)), "grad/x", "float32")
        assert (finding.verdict, finding.side) == (Verdict.ROUNDING, None)
        monkeypatch.setattr(Leaf, "natural_scale", lambda leaf, values: 0.0)
        finding = found(sided(side, sigmoid, complement, (X,)), "grad/x", "float32")
        assert (finding.verdict, finding.side) == (Verdict.STABILITY, side)


# What parity says of these is the same on either side: odd, good, inputs, options.
PAIRS = {
    "variance": (fast_variance, variance, (X,), {"wrt": (), "regimes": ("offset",)}),
    "excused": (weights, in_float32(weights), (QUERY, KEY), {"wrt": (), "dtypes": ("bfloat16",)}),
    "saturated": (saturated(columns, 0.5), saturated(sigmoids, 0.5), (X, Y), {"wrt": "x", "regimes": ("offset",)}),
    "copy": (lambda x: x * 3 / 3, lambda x: x * 1, (X,), {"wrt": ()}),
}


@SIDES
def test_a_variance_from_squares_is_worse(side):
    odd, good, inputs, options = PAIRS["variance"]
    report = sided(side, odd, good, inputs, **options)
    finding = found(report, dtype="float32", regime="offset")
    assert (finding.verdict, finding.side) == (Verdict.STABILITY, side)
    assert "over 11 inputs" in finding.message
    assert not report.passed


@SIDES
def test_far_errors_that_rounded_inputs_make_as_well_are_nobodys_fault(side, monkeypatch):
    odd, good, inputs, options = PAIRS["excused"]
    finding = found(sided(side, odd, good, inputs, **options), dtype="bfloat16")
    assert (finding.verdict, finding.side) == (Verdict.ROUNDING, None)
    assert "a few units of bfloat16 in the inputs make as much of the truth" in finding.message
    monkeypatch.setattr(tolerances, "EXCUSE_FACTOR", 0.0)
    finding = found(sided(side, odd, good, inputs, **options), dtype="bfloat16")
    assert (finding.verdict, finding.side) == (Verdict.STABILITY, side)


def test_two_centred_variances_pass():
    report = check(variance, variance, (X,), regimes=("offset",), dtypes=("float32", "bfloat16"))
    assert {f.verdict for f in report.findings} <= {Verdict.EXACT, Verdict.ROUNDING}
    assert not report.uninformative


def test_where_no_digit_is_right_nothing_was_compared(monkeypatch):
    # A variance of 1e-4 from squares of 1e4: float32 keeps 1e-3 of them.
    pair = (fast_variance, lambda x: (x * x).sum(0) / 64 - (x.sum(0) / 64) ** 2)
    options = {"wrt": (), "regimes": ("offset",)}
    report = check(*pair, (X * np.float32(0.01),), **options)
    finding = found(report, dtype="float32", regime="offset")
    assert finding in report.uninformative
    assert finding.message.startswith(
        "no digit is right in float32 on either side, so nothing was compared; largest error"
    )
    monkeypatch.setattr(tolerances, "NO_DIGIT_LEFT", np.inf)
    assert found(check(*pair, (X * np.float32(0.01),), **options), dtype="float32", regime="offset").verdict.passes


class TestZeroButForRounding:
    @SIDES
    def test_no_side_is_worse(self, side):
        # The truth is 1e-16: any rounding in float32 alone is 1e9 times as much.
        def rough(x):
            return (through(x, "bfloat16") if "float32" in str(x.dtype) else x) * 0.1 * 10 - x

        finding = found(sided(side, rough, lambda x: x * 0.1 * 10 - x, (X,), wrt=()), dtype="float32")
        assert (finding.verdict, finding.side, finding.message) == (Verdict.ROUNDING, None, ZERO)

    def test_the_gradient_of_a_bias_in_front_of_a_softmax(self):
        pair = (lambda x, bias: softmax(x + bias)), (lambda x, bias: native_softmax(x + bias))
        report = check(*pair, (X, np.ones(1, np.float32)), wrt="bias")
        for dtype in ("float64", "float32"):
            assert found(report, "grad/bias", dtype).verdict is Verdict.ROUNDING
        assert ZERO in found(report, "grad/bias", "float32").message


@SIDES
class TestSaturated:
    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    @pytest.mark.parametrize("second", [0.5, 0.66])
    def test_a_gradient_that_no_output_shows_is_uninformative(self, side, dtype, second):
        *_, inputs, options = PAIRS["saturated"]
        pair = saturated(columns, second), saturated(sigmoids, second)
        report = sided(side, *pair, inputs, **options, dtypes=(dtype,))
        assert report.passed, str(report)
        for rung in ("float64", dtype):
            finding = found(report, "grad/x", rung, "offset")
            assert finding in report.uninformative
            assert "the gradient is too small to affect any output at this precision" in finding.message

    @pytest.mark.parametrize(("second", "is_vacuous"), [(0.5, True), (0.66, False)])
    def test_the_callers_own_inputs_are_held_to_float64(self, side, second, is_vacuous):
        pair = saturated(columns, second), saturated(sigmoids, second)
        report = sided(side, *pair, (X + 100, Y), wrt="x", dtypes=())
        assert (found(report, "grad/x").verdict is Verdict.VACUOUS) is is_vacuous
        assert not report.passed

    def test_the_outputs_are_judged_all_the_same(self, side):
        odd, good, inputs, options = PAIRS["saturated"]
        report = sided(side, lambda x, y: odd(x, y) * 1.001, good, inputs, **options)
        assert found(report, regime="offset").verdict is Verdict.SEMANTIC

    @pytest.mark.parametrize("size", [1, 10, 1000])
    def test_a_stopped_gradient_of_the_callers_own_inputs_never_passes(self, side, size):
        pair = (lambda x: native_softmax(stopped(x) + 0 * x)), (lambda x: native_softmax(x))
        report = sided(side, *pair, (X * np.float32(size),), dtypes=())
        assert found(report, "grad/x").verdict in (Verdict.SEMANTIC, Verdict.VACUOUS)
        assert not report.passed


class TestOtherInputs:
    """Between the ratio of a definition and that of rounding, inputs close by decide."""

    PAIR = (lambda x: where(x > 20, x, x + exp(-x)), lambda x: x + exp(-x))

    @pytest.mark.parametrize(("high", "passed"), [(2, False), (3, True)])
    def test_one_in_five_must_have_the_ratio_of_rounding(self, monkeypatch, high, passed):
        def ratio(leaf, variant):
            return 1e8 if variant.moves and variant.moves[0].number > tolerances.SIDE_JITTERS - high else 1e5

        monkeypatch.setattr(float64, "_scaling_ratio", ratio)
        finding = found(check(*self.PAIR, (np.linspace(21, 25, 9).astype(np.float32),), wrt=(), dtypes=()))
        assert finding.verdict is (Verdict.ROUNDING if passed else Verdict.SEMANTIC)
        assert ("1e+08 on other inputs close by" in finding.message) is passed

    def test_not_for_another_definition(self, monkeypatch):
        monkeypatch.setattr(float64, "_scaling_ratio", lambda leaf, variant: 1e8 if variant.moves else 1e4)
        report = check(*self.PAIR, (np.linspace(21, 25, 9).astype(np.float32),), wrt=(), dtypes=())
        assert found(report).verdict is Verdict.SEMANTIC


@pytest.mark.parametrize("name", PAIRS)
def test_sides_swap(name):
    odd, good, inputs, options = PAIRS[name]
    report, mirror = (sided(side, odd, good, inputs, **options) for side in ("jax", "torch"))
    said, seen = (
        {(f.leaf, f.dtype, f.regime): (f.verdict, side(f)) for f in (*r.findings, *r.uninformative)}
        for r, side in ((report, lambda f: SWAPPED[f.side]), (mirror, lambda f: f.side))
    )
    assert said == seen


class TestNoDigits:
    """A leaf whose sides differ in float64 itself by more than a thousandth has no digit that errors could be measured by."""

    @dataclass
    class Runner:
        """Gives what it is told to: dtype → factor of the input."""

        factors: dict[str, float]
        function: object = None

        def run(self, variant, inputs, dtype, mode):
            return Result({"out": np.asarray(inputs["x"] * self.factors[dtype], dtype)}, {})

    @pytest.mark.parametrize(("apart", "worse"), [(1e-2, None), (2e-3, None), (5e-4, "jax")])
    def test_how_far_apart_in_float64(self, apart, worse):
        runners = {
            "jax": self.Runner({"float64": 1.0, "float32": 1.5}),
            "torch": self.Runner({"float64": 1.0 + apart, "float32": 1.0}),
        }
        cache = RunCache(runners, parse({"x": X}, (), ()))
        sides = compare_sides(Leaf(cache, "out", "float32", "eager", GIVEN.rounded("float32")))
        assert sides.worse == worse
        assert (sides.message == ZERO) == (worse is None)


class TestNearARoot:
    """What a few units in the inputs make of the truth excuses no side where the other one is right to the last place."""

    NEAR_ONE = (1 + np.linspace(1e-5, 2e-3, 16)).astype(np.float32)
    NEAR_TWO = (2 + np.linspace(1e-5, 2e-3, 16)).astype(np.float32)

    def test_log_gamma_at_two(self):
        report = check(jax.scipy.special.gammaln, torch.lgamma, (self.NEAR_TWO,))
        finding = found(report, dtype="float32")
        assert (finding.verdict, finding.side) == (Verdict.STABILITY, "jax")

    @SIDES
    def test_a_logarithm_at_one(self, side):
        def log(x):
            return jnp.log(x) if is_jax(x) else torch.log(x)

        report = sided(side, lambda x: log(3 * x) - float(np.log(3.0)), log, (self.NEAR_ONE,), wrt=())
        finding = found(report, dtype="float32")
        assert (finding.verdict, finding.side) == (Verdict.STABILITY, side)

    @SIDES
    @pytest.mark.parametrize(("units", "dtype"), [(2, "float32"), (6, "float32")])
    def test_a_side_that_is_off_by_a_few_units_itself_shows_it_too(self, side, units, dtype):
        def log(x):
            return jnp.log(x) if is_jax(x) else torch.log(x)

        def good(x):
            return log(x) * (1 + units * 2.0**-23 * ("float32" in str(x.dtype)))

        report = sided(side, lambda x: log(3 * x) - float(np.log(3.0)), good, (self.NEAR_ONE,), wrt=())
        finding = found(report, dtype=dtype)
        assert (finding.verdict, finding.side) == (Verdict.STABILITY, side)

    @pytest.mark.parametrize(
        ("better", "far", "near", "is_excused"),
        [(11, 1500, 46, False), (11, 1500, 48, True), (9, 1500, 46, False), (8, 1500, 46, True), (11, 33, 0.1, False)],
    )
    def test_how_much_better(self, monkeypatch, better, far, near, is_excused):
        monkeypatch.setattr(Errors, "_change_of_truth", lambda errors, variant, side: 400.0)  # excuses 1600 units
        made = errors([1500.0] * (11 - better) + [float(far)] * better, [100.0] * (11 - better) + [near] * better)
        assert made.is_excused("jax") is is_excused

    def test_one_that_is_accurate_on_most_inputs_is_no_better_below_the_ratio(self, monkeypatch):
        monkeypatch.setattr(Errors, "_change_of_truth", lambda errors, variant, side: 400.0)
        assert errors([31.0] * 11, [0.1] * 10 + [1.1]).is_excused("jax") is True

    def test_both_alike_are_excused(self):
        def odd(x):
            return (jnp.log(3 * x) if is_jax(x) else torch.log(3 * x)) - float(np.log(3.0))

        assert check(odd, odd, (self.NEAR_ONE,), wrt=()).passed
