"""Elements that a move takes across a branch are no evidence, of noise or of conditioning."""

from __future__ import annotations

import numpy as np
import pytest

from parity import Verdict
from tests.both import check, exp, found, sided, through, where

pytestmark = pytest.mark.both

SIDES = pytest.mark.parametrize("side", ["jax", "torch"])
AT_ONE = np.array([1, 1, 1, 1, 1, 1, 1.5, 0.5], np.float32)


@pytest.fixture(autouse=True, scope="module")
def frameworks():
    global jax, torch
    import jax
    import torch


@pytest.mark.parametrize("x", [np.linspace(15, 25, 41), [20, 20, 20, 21, 19], np.linspace(15, 25, 11)])
def test_the_gradient_of_softplus_on_a_grid_through_its_threshold(x):
    report = check(jax.nn.softplus, lambda x: torch.nn.functional.softplus(x), (np.array(x, np.float32),), dtypes=())
    assert found(report, "grad/x").verdict is Verdict.SEMANTIC


@SIDES
@pytest.mark.parametrize("off", [1e-6, 1e-4, 1e-2])
def test_a_definition_that_is_off_on_one_side_of_an_input(side, off):
    def odd(x):
        return where(x > 1, x * (1 + off), x)

    assert found(sided(side, odd, lambda x: x * 1, (AT_ONE,), wrt=(), dtypes=())).verdict is Verdict.SEMANTIC


@SIDES
def test_noise_on_one_side_of_an_input_is_noise(side):
    def odd(x):
        return where(x > 1, through(exp(x), "float32"), exp(x))

    x = np.concatenate([AT_ONE, np.linspace(1, 2, 9, dtype=np.float32)])
    finding = found(sided(side, odd, exp, (x,), wrt=(), dtypes=("float64",)))
    assert (finding.verdict, finding.side) == (Verdict.INTERNAL_PRECISION, side)


@pytest.mark.parametrize("x", [AT_ONE, AT_ONE + np.float32(0.01)], ids=["at the jump", "beside it"])
def test_a_jump_at_an_input_hides_no_difference_to_the_reference(x):
    def function(x):
        return where(x > 1, x * 0 + 3, x * 1.001)

    report = check(function, function, (x,), wrt=(), dtypes=(), reference=lambda x: np.where(x > 1, 3, x))
    assert found(report).verdict is Verdict.SEMANTIC


def test_what_a_function_makes_of_the_inputs_is_no_difference_to_the_reference():
    # The logarithm has lost the digits that the reference has: both sides alike, and beside a jump.
    def function(x):
        return where(x > 1, x * 0 + 3, (x + 1e8) - 1e8)

    report = check(
        function, function, (AT_ONE * np.float32(0.7),), wrt=(), dtypes=(), reference=lambda x: np.where(x > 1, 3, x)
    )
    assert report.passed
