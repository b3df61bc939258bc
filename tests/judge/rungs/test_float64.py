"""The float64 rung: is it the same function, also where the caller's inputs hide that it is not?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from parity import Verdict
from parity.data.inputs import normal
from tests.both import SWAPPED, check, exp, found, log, sided, tanh, through, where

pytestmark = pytest.mark.both

X = normal((16, 5), 0, "x")
X64 = np.random.default_rng(0).standard_normal((16, 5))
ZERO, ONE = np.zeros(5, np.float32), np.ones(5, np.float32)
SIDES = pytest.mark.parametrize("side", ["jax", "torch"])


@pytest.fixture(autouse=True, scope="module")
def frameworks():
    global jnp, torch
    import jax.numpy as jnp
    import torch


@SIDES
class TestSecondLook:
    def test_a_zero_bias_hides_a_missing_term(self, side):
        report = sided(side, lambda x, b: x * 2, lambda x, b: x * 2 + b, (X, ZERO), wrt="x")
        finding = found(report)
        assert finding.verdict is Verdict.SEMANTIC
        assert "equal on these inputs, but not after each moved by 0.000977" in finding.message
        assert "(constant inputs that hide a term: b)" in finding.message
        assert found(report, "grad/x").verdict is Verdict.EXACT

    def test_ones_hide_a_factor(self, side):
        finding = found(sided(side, lambda x, w: x, lambda x, w: x * w, (X, ONE), wrt=()))
        assert finding.verdict is Verdict.SEMANTIC
        assert "hide a term: w" in finding.message

    def test_ones_hide_a_factor_in_a_gradient_alone(self, side):
        report = sided(side, lambda x, w: x * 2 + 0 * w, lambda x, w: x * 2 * (w / w) ** 2, (X, ONE), wrt="w")
        assert report.passed  # w / w is one wherever w is
        report = sided(side, lambda x, w: x * w, lambda x, w: x * w**2, (X, ONE), wrt="x")
        assert found(report, "grad/x").verdict is Verdict.SEMANTIC

    @pytest.mark.parametrize("inputs", [X, X64], ids=["float32 inputs", "float64 inputs"])
    @pytest.mark.parametrize("wrt", [(), "all"])
    @pytest.mark.parametrize(
        "function", [lambda x: x * 2, exp, lambda x: x @ x.T, lambda x: tanh(x).sum(0)], ids=["×2", "exp", "@", "sum"]
    )
    def test_a_float32_cast_of_the_inputs(self, side, inputs, wrt, function):
        report = sided(side, lambda x: function(through(x, "float32")), function, (inputs,), wrt=wrt, dtypes=())
        finding = found(report)
        assert finding.verdict is Verdict.INTERNAL_PRECISION
        assert finding.side == side
        assert 1e-9 < finding.error < 1e-6

    def test_a_bfloat16_cast_of_bfloat16_inputs(self, side):
        rough = (X.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
        finding = found(sided(side, lambda x: exp(through(x, "bfloat16")), exp, (rough,), wrt=(), dtypes=()))
        assert finding.verdict is Verdict.INTERNAL_PRECISION


class TestNotFinite:
    def test_the_second_look_sees_a_nan_of_one_side(self):
        import jax.numpy as jnp
        import torch

        x = np.array([1.0, 0.5, -1.0], np.float32)
        report = check(lambda x: jnp.arcsin(jnp.clip(x, -1, 1)), torch.arcsin, (x,), wrt=())
        finding = found(report)
        assert (finding.verdict, finding.side) == (Verdict.SEMANTIC, "torch")
        assert finding.causes[0].name == "NaN or infinity"
        assert "equal on these inputs" in finding.message

    def test_nan_on_both_sides_is_counted(self):
        import jax.numpy as jnp
        import torch

        report = check(jnp.sqrt, torch.sqrt, (np.array([4.0, -1.0, 2.0], np.float32),))
        assert report.passed
        note = "out: 1 of 3 elements are NaN on both sides, and were not compared"
        assert note in found(report).notes
        assert f"note: {note}" in str(report)

    def test_without_a_nan_there_is_no_note(self):
        import jax.numpy as jnp
        import torch

        assert found(check(jnp.sqrt, torch.sqrt, (np.array([4.0, 2.0], np.float32),))).notes == ()


class TestNoFalseAlarm:
    @pytest.mark.parametrize(
        ("one", "other", "inputs"),
        [
            (lambda x, b: x * 2 + b, lambda x, b: x + x + b, (X, ZERO)),
            (lambda x, b: (x - 0.1) * b, lambda x, b: x * b - 0.1 * b, (X, ONE)),
            (lambda x, b: exp(x) + b, lambda x, b: exp(x + 0.25) * math.exp(-0.25) + b, (X, ZERO)),
            # Conditioning: float64 errors far above 1e-12 that float32-representable values make smaller or none.
            (lambda x: (x * x).mean(0) - x.mean(0) ** 2, lambda x: (x * x).mean(0) - x.mean(0) ** 2, (X + 3000,)),
            (lambda x: x * 3e4 - (x * 3e4 - x * 1.1), lambda x: x * 2.5e4 - (x * 2.5e4 - x * 1.1), (X64,)),
        ],
    )
    def test_correct_functions(self, one, other, inputs):
        report = check(one, other, inputs)
        assert {f.verdict for f in report.findings} <= {Verdict.EXACT, Verdict.ROUNDING}, str(report)

    def test_a_step_at_the_inputs_is_no_difference(self):
        # Ties of `round`: the same on both sides, and after a move both go the same way.
        halves = np.array([0.5, 1.5, 2.5, -0.5, 3.25], np.float32)
        assert check(jnp.round, torch.round, (halves,), wrt=()).verdict is Verdict.EXACT


class TestSpecialValues:
    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("abs", [-1.0, 0.0, 2.0]),
            ("abs", [0.0, 0.0, 0.0]),
            ("clamp", [-1.0, 0.5, 1.0, 3.0, -4.0]),
            ("clamp", [0.25, 1.0]),
            ("max", [[1.0, 3.0, 3.0], [2.0, 2.0, 0.0]]),
            ("max", [[0.0, 0.0, -1.0], [0.0, 2.0, 2.0]]),
        ],
    )
    def test_a_tie_rule_is_named(self, name, values):
        functions = {
            "abs": (jnp.abs, torch.abs),
            "clamp": (lambda x: jnp.clip(x, -1, 1), lambda x: torch.clamp(x, -1, 1)),
            "max": (lambda x: jnp.max(x, 1), lambda x: torch.max(x, 1).values),
        }
        finding = found(check(*functions[name], (np.array(values, np.float32),), dtypes=()), "grad/x")
        assert finding.verdict is Verdict.SEMANTIC
        assert finding.causes[0].name == "tie rule"
        # Where some ties go with a move and others stay, the second look sees the ones that stay.
        assert "at ties, kinks or bounds only" in finding.message or "not after each moved" in finding.message

    @SIDES
    def test_a_difference_beside_the_ties_is_none(self, side):
        values = np.array([-1.0, 0.0, 2.0], np.float32)
        finding = found(sided(side, lambda x: abs(x) * 1.001, abs, (values,), dtypes=()), "grad/x")
        assert (finding.verdict, finding.causes) == (Verdict.SEMANTIC, ())

    @SIDES
    def test_a_bound_that_is_off(self, side):
        def clipped(bound):
            return lambda x: where(x > bound, x * 0 + bound, x)

        finding = found(sided(side, clipped(0.5), clipped(0.4), (X,), wrt=(), dtypes=()))
        assert (finding.verdict, finding.causes) == (Verdict.SEMANTIC, ())


def test_a_small_steep_difference_is_no_noise():
    # torch's softplus is the identity above 20: 3e-11 apart, and steep there, far below what a low precision makes.
    inputs = (np.linspace(21, 25, 9).astype(np.float32),)
    report = check(lambda x: log(1 + exp(x)), lambda x: where(x > 20, x, log(1 + exp(x))), inputs, wrt=(), dtypes=())
    assert found(report).verdict is Verdict.SEMANTIC


def test_a_small_difference_that_is_new_after_a_move_is_no_noise_of_a_low_precision():
    # As above; where all are that far out, more than half of the difference is new after the move for bfloat16.
    inputs = (np.linspace(22, 24, 9).astype(np.float32),)
    report = check(lambda x: log(1 + exp(x)), lambda x: where(x > 20, x, log(1 + exp(x))), inputs, wrt=(), dtypes=())
    assert found(report).verdict is Verdict.SEMANTIC


@SIDES
def test_zero_but_for_rounding_where_float32_is_zero_by_luck(side):
    # 1 / 49 · 49 is one in float32, and not in float64; 1 / 3 · 3 is one in both.
    inputs = (np.ones(1, np.float32),)
    finding = found(sided(side, lambda x: x / 49 * 49 - x, lambda x: x / 3 * 3 - x, inputs, wrt=(), dtypes=()))
    assert finding.verdict is Verdict.ROUNDING
    assert "zero but for rounding on both sides" in finding.message


class TestReference:
    @pytest.mark.parametrize("bad", [math.nan, math.inf])
    def test_a_number_that_both_sides_lack_in_the_same_place(self, bad):
        def function(x):
            return where(x > 0.5, x * 0 + bad, x)

        report = check(function, function, (X,), reference=lambda x: x, wrt=())
        finding = found(report)
        assert (finding.verdict, finding.side) == (Verdict.SEMANTIC, None)
        assert "both sides agree with each other, but not with the reference: inf of" in finding.message
        assert check(function, function, (X,), wrt=()).passed

    def test_a_number_that_the_reference_lacks_too(self):
        def function(x):
            return where(x > 0.5, x * math.nan, x)

        assert check(function, function, (X,), reference=lambda x: np.where(x > 0.5, np.nan, x), wrt=()).passed


def test_each_leaf_has_its_own_verdict():
    report = check(lambda x: (x * 2, x * 3), lambda x: (x + x, x * 4), (X,), wrt=(), dtypes=())
    assert [f.verdict for f in report.findings] == [Verdict.EXACT, Verdict.SEMANTIC]


# Small random functions and inputs: whatever they do, the verdict depends on the sides by name only.
UNARY = {
    "exp": exp,
    "log": log,
    "tanh": tanh,
    "double": lambda x: x * 2,
    "square": lambda x: x * x,
    "absolute": lambda x: where(x < 0, -x, x),
    "inverse": lambda x: 1 / x,
    "float32": lambda x: through(x, "float32"),
    "positive": lambda x: where(x > 0, x, x * 0),
    "sum": lambda x: x.sum(),
    "centred": lambda x: x - x.mean(),
    "transposed": lambda x: x.T,
    "sign": lambda x: (x > 0) * 1,
    "shift": lambda x: x + 1000 - 1000,
    "tuple": lambda x: (x, x * 3),
    "zero": lambda x: x * 0,
}
NUMBERS = st.one_of(
    st.floats(-100, 100, width=32, allow_subnormal=False),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, math.nan, math.inf, -math.inf, 1e30]),
)
SHAPES = st.sampled_from([(), (1,), (3,), (2, 2), (3, 2), (0,)])
FLOATING = arrays.arrays(np.float32, SHAPES, elements=NUMBERS)
WHOLE = arrays.arrays(np.int64, SHAPES, elements=st.integers(-5, 5))


@given(one=st.sampled_from(sorted(UNARY)), other=st.sampled_from(sorted(UNARY)), x=st.one_of(FLOATING, WHOLE))
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@pytest.mark.filterwarnings("ignore:The use of `x.T` on tensors of dimension other than 2:UserWarning")
def test_swapping_the_sides_keeps_the_verdict_and_swaps_the_side(one, other, x):
    assume(not (x.dtype.kind == "i" and {"centred", "tuple"} & {one, other}))
    report, mirror = (check(*pair, (x,)) for pair in ((UNARY[one], UNARY[other]), (UNARY[other], UNARY[one])))
    said, seen = (
        sorted((f.leaf, f.dtype, str(f.verdict), str(side(f)), f.mismatches) for f in found_in.findings)
        for found_in, side in ((report, lambda f: SWAPPED[f.side]), (mirror, lambda f: f.side))
    )
    assert said == seen
    if one == other:
        assert {f.verdict for f in report.findings} <= {Verdict.EXACT, Verdict.ROUNDING, Verdict.VACUOUS, Verdict.ERROR}
