"""Integers that wrap around are named, other differences of integers are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from parity import Verdict
from parity.judge.rungs import overflow
from tests.both import check, found

SIDES = ("jax", "torch")
WHOLE = arrays.arrays(np.int64, st.integers(1, 20), elements=st.integers(-(2**62), 2**62))


@given(x=WHOLE, width=st.sampled_from([8, 16, 32]), signed=st.booleans())
def test_a_wrapped_side_is_named_with_its_width(x, width, signed):
    wrapped = x.astype(f"{'int' if signed else 'uint'}{width}").astype(np.int64)
    causes = overflow.causes(SIDES, wrapped, x)
    assert bool(causes) == bool((wrapped != x).any())
    for cause in causes:
        assert cause.name == "integer overflow"
        wide = cause.evidence.removeprefix("every difference is a multiple of 2^").partition(";")[0]
        assert int(wide) >= width  # 2^40 wraps at 16 bits and at 32 alike


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64", "uint16", "uint64"])
def test_the_side_that_fits_is_named(dtype):
    wide, narrow = np.array([7, 200, 500], dtype), np.array([7, 200, 244], dtype)
    evidence = "every difference is a multiple of 2^8; all numbers of {} fit 8 bits, those of the other side do not"
    for sides, pair in ((SIDES, (narrow, wide)), (SIDES[::-1], (wide, narrow))):
        assert [cause.evidence for cause in overflow.causes(sides, *pair)] == [evidence.format("jax")]


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        ([1, 2], [1, 2]),
        ([7, 244, 3], [7, 500, 4]),  # one difference that is no multiple
        ([256, 512], [512, 1024]),  # twice as much: multiples, whatever made them
        ([0.0, 1.0], [256.0, 257.0]),
        ([True, False], [False, False]),
    ],
)
def test_what_is_no_overflow(actual, expected):
    assert overflow.causes(SIDES, np.array(actual), np.array(expected)) == ()


def test_multiples_count_where_one_side_alone_fits():
    (cause,) = overflow.causes(SIDES, np.array([0, 0]), np.array([2**32, 2**33]))
    assert "all numbers of jax fit 32 bits" in cause.evidence


@pytest.mark.both
class TestChecks:
    def test_a_sum_in_eight_bits(self):
        import jax.numpy as jnp
        import torch

        x = np.full((3, 40), 5, np.int8)
        x[0] = 1
        report = check(
            lambda x: jnp.sum(x, 1, dtype=jnp.int8).astype(jnp.int32), lambda x: x.sum(1).to(torch.int32), (x,), wrt=()
        )
        finding = found(report)
        assert (finding.verdict, [cause.name for cause in finding.causes]) == (Verdict.SEMANTIC, ["integer overflow"])
        assert "all numbers of jax fit 8 bits" in finding.causes[0].evidence

    def test_thirty_two_bits_in_the_low_rung_alone(self):
        x = np.full((3, 4), 2**30, np.int32)
        x[0] = 1
        finding = found(check(lambda x: x.sum(1), lambda x: x.sum(1), (x,), wrt=()), dtype="float32")
        assert (finding.verdict, finding.side) == (Verdict.STABILITY, "jax")
        assert [cause.name for cause in finding.causes] == ["integer overflow"]
