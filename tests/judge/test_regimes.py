"""Each regime of inputs finds the fault that only shows there, and says so where it can find nothing."""

from __future__ import annotations

import numpy as np
import pytest

from parity import InputError, Verdict
from parity.data.inputs import REGIMES, in_regime, normal
from tests.both import SWAPPED, check, concrete, exp, found, is_jax, sided, softmax, tanh, where

pytestmark = pytest.mark.both

X = normal((64, 5), 0, "x")
SIDES = pytest.mark.parametrize("side", ["jax", "torch"])


@pytest.fixture(autouse=True, scope="module")
def frameworks():
    global jax, jnp, torch
    import jax
    import jax.numpy as jnp
    import torch


def layer_norm(eps):
    def function(x):
        centred = x - x.mean(1)[:, None]
        return centred / ((centred**2).mean(1)[:, None] + eps) ** 0.5

    return function


def variance(x):
    return ((x - x.mean(0)) ** 2).mean(0)


def fast_variance(x):
    return (x * x).mean(0) - x.mean(0) ** 2


def relu(x):
    """Keeps NaN."""
    return where(x <= 0, x * 0, x)


def sigmoid(x):
    return 1 / (1 + exp(-x))


def overflowing_tanh(x):
    up, down = exp(x), exp(-x)
    return (up - down) / (up + down)


def half_up(x):
    scaled = x + 0.5
    return jnp.floor(scaled) if is_jax(x) else torch.floor(scaled)


def half_down(x):
    scaled = x - 0.5
    return jnp.ceil(scaled) if is_jax(x) else torch.ceil(scaled)


def keeps_subnormals(x):
    return where(abs(x) < 1e-30, x * 2, x)


# regime: a fault that shows there and not in the unit regime: odd, good, inputs, rung, verdict.
FAULTS = {
    "tiny": (layer_norm(1e-6 * (1 + 1e-8)), layer_norm(1e-6), X, "float64", Verdict.SEMANTIC),
    "wide": (lambda x: where(abs(x) > 100, x * 1.01, x), lambda x: x * 1, X, "float64", Verdict.SEMANTIC),
    "offset": (fast_variance, variance, X, "float32", Verdict.STABILITY),
    "ties": (half_up, half_down, X, "float64", Verdict.SEMANTIC),
    "saturating": (overflowing_tanh, tanh, np.abs(X) + 1, "float64", Verdict.SEMANTIC),
    "subnormal": (keeps_subnormals, lambda x: x * 1, X, "float64", Verdict.SEMANTIC),
    "infinite": (overflowing_tanh, tanh, X, "float64", Verdict.SEMANTIC),
    "nan": (lambda x: where(x > 0, x, concrete(x, np.zeros((64, 5)))), relu, X, "float64", Verdict.SEMANTIC),
}


def test_each_regime_has_its_fault():
    assert {"unit", *FAULTS} == set(REGIMES)


@SIDES
@pytest.mark.parametrize("regime", FAULTS)
class TestFaults:
    def test_found_there_and_only_there(self, regime, side):
        odd, good, inputs, dtype, verdict = FAULTS[regime]
        report = sided(side, odd, good, (inputs,), regimes=("unit", regime), wrt=())
        assert all(f.verdict.passes for f in report.findings if f.regime == "unit"), str(report)
        finding = found(report, dtype=dtype, regime=regime)
        assert finding.verdict is verdict
        # Which side is wrong is known by its errors, and by a NaN that its inputs do not explain.
        assert finding.side == (side if regime in ("offset", "saturating") else None)
        assert not report.passed
        assert f"[{regime}]" in str(report)

    def test_without_the_regime_it_is_missed(self, regime, side):
        odd, good, inputs, *_ = FAULTS[regime]
        assert sided(side, odd, good, (inputs,), wrt=()).passed


@pytest.mark.parametrize("regime", REGIMES)
def test_what_each_regime_makes_of_the_inputs(regime):
    whole = np.arange(5)
    assert in_regime("n", whole, regime) is whole
    moved = in_regime("x", X, regime).astype(np.float64)
    assert np.array_equal(moved, moved.astype(np.float32), equal_nan=True)  # representable in float32
    wide = X.astype(np.float64)
    expected = {
        "unit": wide,
        "tiny": wide * 1e-3,
        "offset": wide + 100,
        "ties": np.round(wide * 2) / 2,
        "saturating": wide * 1e3,
        "subnormal": wide * 1e-39,
    }
    if regime in expected:
        np.testing.assert_allclose(moved, expected[regime], rtol=1e-6, atol=2e-45)
    elif regime == "wide":
        ratio = np.log10(moved / wide)
        assert ratio.min() < -2.5
        assert ratio.max() > 2.5
        assert abs(ratio).max() <= 3.001
    else:
        special = np.isinf(moved) if regime == "infinite" else np.isnan(moved)
        assert special.sum() == 1
        np.testing.assert_array_equal(moved[~special], wide[~special])


def test_the_callers_inputs_are_not_changed():
    before = X.tobytes()
    check(lambda x: x * 2, lambda x: x * 2, (X,), regimes=tuple(REGIMES))
    assert X.tobytes() == before


class TestUninformative:
    @SIDES
    def test_saturated_neither_passes_nor_fails(self, side):
        inputs = (np.abs(X) + 1,)
        for odd, passed in ((sigmoid, True), (lambda x: sigmoid(x * 1.001), False)):
            report = sided(side, odd, sigmoid, inputs, regimes=("unit", "saturating"), wrt=())
            assert report.passed is passed  # as the unit regime alone
            assert {f.regime for f in report.findings} == {"unit"}
            assert {(f.regime, f.verdict) for f in report.uninformative} == {("saturating", Verdict.VACUOUS)}
            assert "2 comparisons could not fail (saturated or all NaN), in regimes: saturating" in str(report)
            assert [f["regime"] for f in report.to_dict()["uninformative"]] == ["saturating"] * 2

    def test_nothing_else_is_no_pass(self):
        report = check(sigmoid, sigmoid, (np.abs(X) + 1,), regimes=("saturating",), wrt=())
        assert (report.findings, report.verdict, report.passed) == ((), Verdict.VACUOUS, False)

    def test_the_callers_own_inputs_are_never_excused(self):
        report = check(sigmoid, sigmoid, (np.abs(X) * 1000 + 1000,), wrt=())
        assert report.uninformative == ()
        assert report.verdict is Verdict.VACUOUS


@pytest.mark.parametrize("regimes", [("tinny",), ("unit", ""), "Unit", (None,), (3,)])
def test_an_unknown_regime(regimes):
    with pytest.raises(InputError, match=r"regimes: got .*, expected some of unit, tiny, wide, "):
        check(lambda x: x, lambda x: x, (X,), regimes=regimes)


def test_each_regime_once_and_in_eager_mode_alone():
    report = check(lambda x: x * 2, lambda x: x * 2, (X,), regimes=("tiny", "tiny"), wrt=())
    assert [(f.regime, f.dtype, f.mode) for f in report.findings] == [
        ("tiny", dtype, "eager") for dtype in ("float64", "float32")
    ]


@pytest.mark.parametrize("name", ["softmax", "tanh", "relu", "matmul", "layer norm"])
def test_correct_pairs_pass_everywhere_and_nan_and_infinity_propagate(name):
    pairs = {
        "softmax": (lambda x: jax.nn.softmax(x, -1), lambda x: torch.softmax(x, -1)),
        "tanh": (tanh, tanh),
        "relu": (lambda x: jnp.maximum(x, 0), lambda x: torch.clamp_min(x, 0)),
        "matmul": (lambda x: x @ x.T, lambda x: x @ x.T),
        "layer norm": (layer_norm(1e-5), layer_norm(1e-5)),
    }
    regimes = [regime for regime in REGIMES if regime not in ("ties", "subnormal")]
    report = check(*pairs[name], (X,), regimes=regimes, wrt=())
    assert report.passed, str(report)
    assert {f.regime for f in report.findings} >= {"unit", "nan", "infinite"}


def test_sides_swap():
    for regime, (odd, good, inputs, *_) in FAULTS.items():
        report, mirror = (check(*p, (inputs,), regimes=(regime,), wrt=()) for p in ((odd, good), (good, odd)))
        # JAX takes subnormal float32 numbers for zero, on whichever side the odd function is.
        judged = [
            [f for f in one.findings if regime != "subnormal" or f.dtype == "float64"] for one in (report, mirror)
        ]
        assert [(f.verdict, SWAPPED[f.side]) for f in judged[0]] == [(f.verdict, f.side) for f in judged[1]], regime


def test_softmax_of_shifted_logits_is_the_same():
    assert check(softmax, lambda x: softmax(x + 3), (X,), regimes=("unit", "tiny"), wrt=()).passed
