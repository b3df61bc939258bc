"""A side whose float64 answer is noise under a move by a few units is STABILITY of that side, whatever the processor."""

from __future__ import annotations

import numpy as np
import pytest

from parity import Verdict
from parity.data.inputs import normal
from tests.both import SWAPPED, check, found, sided, sin

pytestmark = pytest.mark.both

X = normal((16, 5), 0, "x").astype(np.float64)
SIDES = pytest.mark.parametrize("side", ["jax", "torch"])


def noisy(size, frequency=1e17):
    """x with noise of this share of it: a unit of float64 in x turns the argument of the sine by radians."""
    return lambda x: x * (1 + size * sin(frequency * x))


def judged(side, one, other, inputs=(X,)):
    return found(sided(side, one, other, inputs, wrt=(), dtypes=("float64",)))


@SIDES
@pytest.mark.parametrize("size", [1e-11, 3e-8, 1e-2])
def test_the_side_that_moves_is_named(side, size):
    finding = judged(side, noisy(size), lambda x: x)
    assert (finding.verdict, finding.side) == (Verdict.STABILITY, side)
    assert f"the answer of {side} moves by" in finding.message
    assert f"that of {SWAPPED[side]} by" in finding.message


@SIDES
def test_where_both_move_none_is_named(side):
    finding = judged(side, noisy(1e-9), noisy(1e-9, 3e17))
    assert finding.side is None


@SIDES
@pytest.mark.parametrize("factor", [1 + 1e-11, 1 + 3e-8, 1.01])
def test_another_factor_is_another_function(side, factor):
    assert judged(side, lambda x: x * factor, lambda x: x).verdict is Verdict.SEMANTIC


@SIDES
def test_a_jump_at_an_input_is_another_function(side):
    at_one = np.ones((4, 5))
    finding = judged(side, lambda x: x * (x > 1), lambda x: x * (x >= 1), (at_one,))
    assert finding.verdict is Verdict.SEMANTIC


@SIDES
def test_a_value_at_one_input_alone_is_another_function(side):
    finding = judged(side, lambda x: x + 1e-3 * (x == 1), lambda x: x, (np.ones((4, 5)),))
    assert finding.verdict is Verdict.SEMANTIC


@SIDES
def test_another_factor_beside_noise_is_another_function(side):
    noise = noisy(1e-13)
    assert judged(side, lambda x: 1.01 * noise(x), lambda x: x).verdict is Verdict.SEMANTIC


@SIDES
def test_float32_is_judged_against_the_steady_side(side):
    """A middle of both sides would be no truth: one of them has no digit that float32 could hold."""
    report = sided(side, noisy(1e-2), lambda x: x, (X,), wrt=())
    assert [(f.verdict, f.side) for f in report.findings] == [(Verdict.STABILITY, side)] * 2


def test_fused_attention_on_large_logits_is_named_or_right():
    """What torch's kernel loses hangs on the processor: STABILITY of torch or a pass, never another word."""
    import jax
    import torch

    q, k, v = (
        normal((2, 6, 8), 0, name).astype(np.float64) * scale for name, scale in zip("qkv", (1e5, 1e5, 1), strict=True)
    )
    report = check(
        lambda q, k, v: jax.nn.softmax(q @ k.mT / 8**0.5) @ v,
        lambda q, k, v: torch.nn.functional.scaled_dot_product_attention(q, k, v),
        (q, k, v),
        wrt="v",
        dtypes=("float64",),
    )
    bad = {(finding.verdict, finding.side) for finding in report.findings if not finding.verdict.passes}
    assert bad <= {(Verdict.STABILITY, "torch")}
