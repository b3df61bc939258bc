"""float32 and below: both sides against one float64 truth."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from parity import Deviation, Verdict
from parity.data.inputs import normal
from tests.both import SWAPPED, cast, check, found, sided, softmax

pytestmark = pytest.mark.both

X = normal((64, 5), 0, "x")
LOW = ("float32", "bfloat16", "float16")
PICK = np.array([3, 0, 3, 63])


@pytest.fixture(autouse=True, scope="module")
def frameworks():
    global jax, torch
    import jax
    import torch


def reverse(x):
    return x.flip(0) if isinstance(x, torch.Tensor) else x[::-1]


def small(x):
    """Nothing in float64, a few units in a lower precision."""
    return 0 if "float64" in str(x.dtype) else 0.05 * (x > 0)


COPIES = {
    "reverse": (reverse, (X,)),
    "permutation": (lambda x: x.T, (X,)),
    "look-up": (lambda x, n: x[n], (X, PICK)),
    "concatenation": (lambda x: x[PICK], (X,)),
}


@pytest.mark.parametrize("dtype", LOW)
@pytest.mark.parametrize("name", COPIES)
class TestCopies:
    def test_bit_equal_passes(self, name, dtype):
        function, inputs = COPIES[name]
        report = check(function, function, inputs, dtypes=(dtype,), wrt=())
        assert {f.verdict for f in report.findings} == {Verdict.EXACT}

    @pytest.mark.parametrize("side", ["jax", "torch"])
    def test_a_rounding_is_none_too_many(self, name, dtype, side):
        function, inputs = COPIES[name]
        report = sided(side, lambda *args: function(*args) * 3 / 3, function, inputs, dtypes=(dtype,), wrt=())
        assert found(report).verdict.passes
        finding = found(report, dtype=dtype)
        assert (finding.verdict, finding.side) == (Verdict.STABILITY, side)
        assert "copies an input, so no rounding is due" in finding.message


@pytest.mark.parametrize("side", ["jax", "torch"])
@pytest.mark.parametrize("dtype", LOW)
@pytest.mark.parametrize(
    "function", [reverse, lambda x: x[2:], lambda x: x * 1], ids=["reverse", "look-up", "identity"]
)
def test_a_copy_of_equal_elements_is_one(function, dtype, side):
    inputs = (np.tile(X[:8], (8, 1)),)
    report = sided(side, lambda x: function(x) * 3 / 3, function, inputs, dtypes=(dtype,), wrt=())
    finding = found(report, dtype=dtype)
    assert (finding.verdict, finding.side) == (Verdict.STABILITY, side)
    assert "copies an input, so no rounding is due" in finding.message


def attention(query, key, value):
    logits = query @ key.T
    return (torch.softmax(logits, -1) if isinstance(logits, torch.Tensor) else jax.nn.softmax(logits, -1)) @ value


def in_float32(query, key, value):
    if "bfloat16" not in str(query.dtype):
        return attention(query, key, value)
    return cast(attention(*(cast(x, "float32") for x in (query, key, value))), "bfloat16")


def rounded_once_more(query, key, value):
    return attention(query, key, value) * 3 / 3


# Of the two queries of seed 18 one sees another row only after the second of two moves.
@pytest.mark.parametrize(("odd", "queries", "seed"), [(attention, 64, 0), (rounded_once_more, 2, 18)])
@pytest.mark.parametrize("side", ["jax", "torch"])
def test_a_saturated_softmax_is_no_copy(side, odd, queries, seed):
    """Each true value is an element of `value`: which one hangs on the rounding of logits of 1e5."""
    query, key = normal((queries, 8), seed, "query") * 1000, normal((64, 8), seed, "key") * 50
    value = normal((64, 1), seed, "value")
    inputs = (query.astype(np.float32), key.astype(np.float32), value)
    finding = found(sided(side, odd, in_float32, inputs, dtypes=("bfloat16",), wrt=()), dtype="bfloat16")
    assert finding.mismatches
    assert np.isin(finding.truth, value.astype(ml_dtypes.bfloat16).astype(np.float64))
    assert (finding.verdict, finding.side) == (Verdict.ROUNDING, None)


@pytest.mark.parametrize("side", ["jax", "torch"])
def test_zeros_that_are_zero_but_for_rounding_are_no_copies(side):
    """The gradient of y is zero, as an element of x is: by cancellation, which float32 does not do exactly."""
    inputs = (np.where(X > 1, X, 0), normal((64, 5), 0, "y"))
    odd, good = (lambda x, y: x * 2 + y * ((x + 1500) - 1500 - x)), (lambda x, y: x * 2 + y * ((x + 700) - 700 - x))
    finding = found(sided(side, odd, good, inputs, wrt="y"), "grad/y", "float32")
    assert finding.mismatches
    assert (finding.verdict, finding.side) == (Verdict.ROUNDING, None)


@pytest.mark.parametrize("dtype", LOW)
def test_what_float64_says_nothing_about_no_lower_precision_decides(dtype):
    # Both give seven in float64; below, a rounding differs.
    one, other = (lambda x: (x - x) / 3 + 7 + small(x)), (lambda x: (x - x) + 7)
    report = check(one, other, (X,), wrt=(), dtypes=(dtype,))
    finding = found(report, dtype=dtype)
    assert finding.mismatches
    assert finding.verdict is Verdict.VACUOUS
    assert finding.message == found(report).message


def test_a_copy_that_both_sides_round_alike_names_nobody():
    one, other = (lambda x: (x + 1024) - 1024), (lambda x: (x - 1024) + 1024)
    report = check(one, other, (X,), dtypes=("float32",), wrt=())
    finding = found(report, dtype="float32")
    assert (finding.verdict, finding.side) == (Verdict.STABILITY, None)
    assert "jax 320 of 320, torch 320 of 320" in finding.message


def test_what_is_no_copy_may_round():
    report = check(lambda x: x * 3 / 7, lambda x: x / 7 * 3, (X,), dtypes=LOW, wrt=())
    assert {f.verdict for f in report.findings if f.dtype != "float64"} == {Verdict.ROUNDING}
    assert report.passed


class TestWorseSide:
    @pytest.mark.parametrize("side", ["jax", "torch"])
    def test_cancellation(self, side):
        report = sided(side, lambda x: (x + 1000) - 1000, lambda x: x + 0, (X,), wrt=())
        assert found(report, dtype="float32").side == side

    @pytest.mark.parametrize("side", ["jax", "torch"])
    def test_overflow_where_the_truth_is_finite(self, side):
        report = sided(side, lambda x: x * 1e30 * 1e30 * 1e-30 * 1e-30, lambda x: x * 1, (X,), wrt=())
        finding = found(report, dtype="float32")
        assert (finding.verdict, finding.side) == (Verdict.STABILITY, side)
        assert f"{side} 320 of 320" in finding.message

    def test_overflow_on_both_sides_blames_nobody(self):
        report = check(
            lambda x: x * 1e30 * 1e30 * 1e-30 * 1e-30, lambda x: x * 1e20 * 1e30 * 1e-30 * 1e-20, (X,), wrt=()
        )
        assert found(report, dtype="float32").side is None

    def test_a_truth_that_does_not_fit_the_dtype_is_nobodys_fault(self):
        report = check(lambda x: x * 1e19 * 1e19, lambda x: x * 1e30 * 1e8, (X + 3,), wrt=())
        finding = found(report, dtype="float32")
        assert (finding.verdict, finding.side) == (Verdict.ROUNDING, None)
        assert np.isinf(np.float32(finding.truth)) or finding.truth > 1e38

    def test_a_few_elements_are_not_blamed_for_one_unlucky_input(self):
        """One head of size one: cancellation makes each error large, on either side by luck."""

        def attention(query, key, value):
            return softmax(query @ key.T) @ value

        blamed = []
        for seed in range(24):
            inputs = (normal((1, 1), seed, "q"), normal((3, 1), seed, "k"), normal((3, 2), seed, "v"))
            report = check(attention, attention, inputs)
            blamed += [f"{seed}: {f.leaf} {f.message}" for f in report.findings if not f.verdict.passes]
        assert not blamed


def of_another_shape_in_float64(x, factor=2.0):
    import torch

    return x[:3] if x.dtype == torch.float64 else x * factor


class TestWithoutAFloat64Result:
    def test_nothing_is_decided(self):
        finding = found(
            check(lambda x: x * 2, lambda x: of_another_shape_in_float64(x, 2.5), (X,), wrt=()), dtype="float32"
        )
        assert (finding.verdict, finding.side) == (Verdict.INCONCLUSIVE, None)
        assert "a side has no float64 result; fix that first, or pass reference=" in finding.message

    def judged(self, one, other, reference=lambda x: np.sin(x) * 2):
        return found(check(one, other, (X,), wrt=(), reference=reference), dtype="float32")

    def test_the_reference_is_the_truth(self):
        def of_jax(x):
            import jax.numpy

            return jax.numpy.sin(x) * 2

        def of_torch(x, factor=2.0):
            return of_another_shape_in_float64(x.sin(), factor)

        assert self.judged(of_jax, lambda x: of_torch(x)).verdict.passes
        wrong = self.judged(of_jax, lambda x: of_torch(x, 2.02))
        assert (wrong.verdict, wrong.side) == (Verdict.STABILITY, "torch")
        both = self.judged(lambda x: of_jax(x) * 1.01, lambda x: of_torch(x, 2.02000001))
        assert both.verdict in (Verdict.INCONCLUSIVE, Verdict.EXACT)
        apart = self.judged(lambda x: of_jax(x) * 1.01, lambda x: of_torch(x, 2.01))
        assert apart.verdict is Verdict.INCONCLUSIVE
        assert "both sides are far from the reference" in apart.message

    def test_two_dtypes_in_float64_make_no_truth(self):
        def low(x):
            import torch

            return x.to(torch.float32) * 2.00002

        def untraceable(x):  # so that neither side is lifted
            return x * (2 if float(x[0, 0]) < 1e9 else 3)

        assert found(check(untraceable, low, (X,), wrt=()), dtype="float32").verdict is Verdict.INCONCLUSIVE


class TestAfterADifferenceInFloat64:
    """Each side has a float64 value of its own."""

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    @pytest.mark.parametrize("reference", [None, lambda x: x * 2])
    def test_as_near_as_rounding(self, dtype, reference):
        report = check(lambda x: x * 2, lambda x: x * 3, (X,), wrt=(), dtypes=(dtype,), reference=reference)
        finding = found(report, dtype=dtype)
        assert (finding.verdict, finding.side) == (Verdict.SEMANTIC, "torch" if reference else None)
        assert finding.message.startswith("differs in float64 already; each side against its own float64 value")

    @pytest.mark.parametrize("side", ["jax", "torch"])
    @pytest.mark.parametrize("dtype", LOW)
    def test_a_side_that_is_unstable_as_well(self, side, dtype):
        report = sided(side, lambda x: (x + 1000) - 1000, lambda x: x * 1.5, (X,), wrt=(), dtypes=(dtype,))
        assert found(report).verdict is Verdict.SEMANTIC
        finding = found(report, dtype=dtype)
        assert (finding.verdict, finding.side) == (Verdict.STABILITY, side)
        assert finding.message.startswith("each side against its own float64 value")

    @pytest.mark.parametrize("side", ["jax", "torch"])
    def test_a_side_that_overflows(self, side):
        report = sided(side, lambda x: x * 1e30 * 1e30 / 1e30 / 1e30, lambda x: x * 2, (X,), wrt=())
        finding = found(report, dtype="float32")
        assert (finding.verdict, finding.side) == (Verdict.STABILITY, side)

    def test_an_unstable_side_that_its_inputs_excuse(self):
        report = check(lambda x: (x - 1) * 1e3, lambda x: (x - 1) * 2e3, (1 + X * 1e-3,), wrt=())
        assert found(report, dtype="float32").verdict is Verdict.SEMANTIC

    def test_a_declared_difference_is_declared_below_too(self):
        declared = Deviation("out", "SEMANTIC", 0.5, "because", "me")
        report = check(lambda x: x * 2, lambda x: x * 3, (X,), wrt=(), deviations=[declared])
        assert report.verdict is Verdict.CONVENTION


def test_sides_swap():
    report = check(lambda x: (x + 1000) - 1000, lambda x: x + 0, (X,), dtypes=LOW)
    mirror = check(lambda x: x + 0, lambda x: (x + 1000) - 1000, (X,), dtypes=LOW)
    assert [(f.verdict, SWAPPED[f.side]) for f in report.findings] == [(f.verdict, f.side) for f in mirror.findings]
