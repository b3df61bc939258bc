"""Discrete outputs: near ties may fall either way in a low precision, anything else may not."""

from __future__ import annotations

import numpy as np
import pytest

from parity import Verdict
from parity.data.inputs import normal
from tests.both import check, concrete, found, sided

pytestmark = pytest.mark.both

A, B, C = (normal((400, 12), seed, "logits") for seed in range(3))
ROUGH = {"float32": 2.0**-22, "bfloat16": 2.0**-7}


def argmax_of(x):
    return x.argmax(-1)


def left(a, b, c):
    return argmax_of((a * 0.1 + b * 0.3) + c * 0.7)


def right(a, b, c):
    return argmax_of(a * 0.1 + (b * 0.3 + c * 0.7))


def close_pairs(dtype):
    """Logits that come in pairs which this dtype can hardly tell apart."""
    a, b, c = (np.repeat(x[:, :6], 2, axis=1) for x in (A, B, C))
    a[:, ::2] *= 1 + ROUGH[dtype]
    return a, b, c


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
class TestArgmax:
    def test_near_ties_pass(self, dtype):
        report = check(left, right, close_pairs(dtype), dtypes=(dtype,), wrt=())
        finding = found(report, dtype=dtype)
        assert found(report).verdict is Verdict.EXACT
        assert finding.verdict is Verdict.ROUNDING
        assert 0 < finding.mismatches < finding.size == 400
        assert "each a tie within 16 units" in finding.message

    @pytest.mark.parametrize("side", ["jax", "torch"])
    def test_off_by_one_is_another_function(self, dtype, side):
        report = sided(side, lambda *x: left(*x) + 1, right, (A, B, C), dtypes=(dtype,), wrt=(), reference=_numpy)
        finding = found(report)
        assert (finding.verdict, finding.side) == (Verdict.SEMANTIC, side)
        assert "400 of 400 discrete values differ" in finding.message
        below = found(report, dtype=dtype)
        assert (below.verdict, below.side, below.message) == (Verdict.SEMANTIC, side, "differs in float64 already")

    @pytest.mark.parametrize("side", ["jax", "torch"])
    def test_far_from_a_tie_in_low_precision_only(self, dtype, side):
        """Equal in float64; in the low precision the size of the shift swallows the logits."""

        def shifted(a, b, c):
            return argmax_of((a * 0.1 + b * 0.3 + c * 0.7) + 1e6 - 1e6)

        report = sided(side, shifted, left, (A, B, C), dtypes=(dtype,), wrt=())
        assert found(report).verdict is Verdict.EXACT
        finding = found(report, dtype=dtype)
        assert (finding.verdict, finding.side) == (Verdict.STABILITY, side)
        assert "where it is no tie" in finding.message

    def test_far_on_both_sides_alike_names_nobody(self, dtype):
        def up(a, b, c):
            return argmax_of((a * 0.1 + b * 0.3 + c * 0.7) + 1e7 - 1e7)

        finding = found(check(up, up, (A, B, C), dtypes=(dtype,), wrt=()), dtype=dtype)
        assert finding.verdict in (Verdict.EXACT, Verdict.VACUOUS)  # the same bits: nothing to judge


def _numpy(a, b, c):
    return np.argmax(a * 0.1 + b * 0.3 + c * 0.7, -1)


@pytest.mark.parametrize("side", ["jax", "torch"])
def test_one_wrong_value_that_is_no_tie_is_found_among_ties(side):
    a, b, c = close_pairs("float32")
    logits = np.sort(a * 0.1 + b * 0.3 + c * 0.7)
    (row,) = np.argmax(logits[:, -1:] - logits[:, -3:-2], axis=0)  # a pair far above all others
    keep = np.arange(400) != row

    def wrong_once(a, b, c):
        index = left(a, b, c)
        if not str(a.dtype).endswith("float32"):
            return index
        mask = concrete(index, keep)
        return index * mask + (index + 6) % 12 * (1 - mask)

    a[row, 1::2] -= 1  # not a pair any more
    finding = found(sided(side, wrong_once, left, (a, b, c), wrt=()), dtype="float32")
    assert (finding.verdict, finding.side) == (Verdict.STABILITY, side)
    assert f"{side} 1" in finding.message


def test_booleans_and_thresholds():
    report = check(
        lambda x: x * 3 / 3 >= 0.7,
        lambda x: x >= 0.7,
        (np.concatenate([A.ravel(), np.full(50, 0.7, np.float32)]),),
        wrt=(),
    )
    assert report.passed
