"""A gradient of zeros passes where the function is a staircase, and not where the gradient was stopped."""

from __future__ import annotations

import numpy as np
import pytest

from parity import Verdict
from parity.data.inputs import normal
from parity.judge import tolerances
from parity.judge.rungs.constant import NOTE
from tests.both import cast, check, exp, found, is_jax, sided, stopped

pytestmark = pytest.mark.both

X, Y = 2 * normal((7, 5), 0, "x"), normal((7, 5), 1, "y")
GRID = np.linspace(-2, 2, 9).astype(np.float32)  # with whole numbers, halves and zero
TIES = np.round(X)  # rows with several largest elements
OUTSIDE = np.array([3.0, -4.0, 1.5], np.float32)


@pytest.fixture(autouse=True, scope="module")
def frameworks():
    global jax, jnp, torch
    import jax
    import jax.numpy as jnp
    import torch


def native(name, x, *rest):
    return getattr(jnp, name)(x, *rest) if is_jax(x) else getattr(torch, name)(x, *rest)


def floor(x):
    return native("floor", x)


def clip(x):
    return native("clip", x, -1, 1)


def one_hot(x):
    if is_jax(x):
        return 2 * jax.nn.one_hot(x.argmax(-1), 5, dtype=x.dtype)
    return 2 * torch.nn.functional.one_hot(x.argmax(-1), 5).to(x.dtype)


def verdicts(report, leaf="grad/x"):
    return {f.verdict for f in report.findings if f.leaf == leaf}


STAIRS = {
    "floor": floor,
    "ceil": lambda x: native("ceil", x),
    "round": lambda x: native("round", x),
    "sign": lambda x: native("sign", x),
    "quantized": lambda x: native("round", x / 0.1) * 0.1,
    "compared": lambda x: cast(x > 0.25, str(x.dtype).removeprefix("torch.")),
    "summed": lambda x: floor(x).sum(),
}


@pytest.mark.parametrize("name", STAIRS)
@pytest.mark.parametrize("inputs", [GRID, X], ids=["at jumps", "between"])
def test_a_staircase_passes_with_a_note(name, inputs):
    report = check(STAIRS[name], STAIRS[name], (inputs,), dtypes=("float32", "bfloat16"))
    assert report.passed
    leaf = next(f.leaf for f in report.findings if f.leaf.startswith("grad/"))
    for dtype in ("float64", "float32", "bfloat16"):
        assert found(report, leaf, dtype).notes == (f"{leaf}: {NOTE}",)


@pytest.mark.parametrize("inputs", [X, TIES], ids=["numbers", "ties"])
def test_one_hot(inputs):
    assert verdicts(check(one_hot, one_hot, (inputs,))) == {Verdict.EXACT}


@pytest.mark.parametrize("size", [1.0, 1e-5])
@pytest.mark.parametrize("dtypes", [(), ("float32", "bfloat16")])
def test_a_stopped_gradient_stays_vacuous(size, dtypes):
    for function in (lambda x: size * stopped(x), lambda x: floor(x) + size * stopped(x), lambda x: exp(stopped(x))):
        assert verdicts(check(function, function, (X,), dtypes=dtypes)) == {Verdict.VACUOUS}


def test_every_input_is_judged_by_itself():
    def function(x, y):
        return floor(x) + stopped(y), y.sum() * 0 + stopped(y)

    report = check(function, function, (X, Y))
    assert verdicts(report, "grad/x") == {Verdict.EXACT}
    assert verdicts(report, "grad/y") == {Verdict.VACUOUS}


@pytest.mark.parametrize("side", ["jax", "torch"])
def test_one_smooth_side_is_enough(side):
    # Equal at whole numbers alone.
    report = sided(side, stopped, floor, (TIES,), dtypes=())
    assert verdicts(report) == {Verdict.VACUOUS}


@pytest.mark.parametrize("side", ["jax", "torch"])
def test_a_straight_through_gradient_against_none(side):
    report = sided(side, lambda x: x + stopped(floor(x) - x), floor, (X,))
    assert verdicts(report) == {Verdict.SEMANTIC}


@pytest.mark.parametrize("side", ["jax", "torch"])
def test_a_stopped_gradient_that_a_bound_hides(side):
    assert verdicts(check(clip, clip, (OUTSIDE,), dtypes=())) == {Verdict.EXACT}
    assert verdicts(sided(side, lambda x: stopped(clip(x)), clip, (OUTSIDE,), dtypes=())) == {Verdict.VACUOUS}


def test_a_change_too_small_to_show_one_step_nearer_is_no_jump(monkeypatch):
    def function(x):
        return floor(x) + 8 + 1e-9 * stopped(x)  # no output near zero, whose digits show more

    assert verdicts(check(function, function, (X,), dtypes=())) == {Verdict.VACUOUS}
    monkeypatch.setattr(tolerances, "JUMP_LEAST_UNITS", 0.0)
    assert verdicts(check(function, function, (X,), dtypes=())) == {Verdict.EXACT}


def test_whole_numbers_beside_a_smooth_output():
    report = check(lambda x, y: (x > 0, y * 2), lambda x, y: (x > 0, y * 2), (X, Y))
    assert report.passed
    assert found(report, "grad/x").notes == (f"grad/x: {NOTE}",)
