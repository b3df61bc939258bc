"""The exponent from the upper sizes with an interval that holds it, and the sizes where one side overtakes the other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.bench.scaling import fit
from parity.bench.scaling.fit import crossovers, exponent, summary, upper
from parity.sides import COMPILERS

SIZES = (32, 64, 128, 256, 512, 1024)
POWERS = st.floats(0.5, 3)
JAX, TORCH = COMPILERS.values()


def fitted(sizes, seconds, error=0.01):
    """The exponent of times that are all known to within `error`."""
    return exponent(sizes, seconds, [error] * len(sizes))


class TestExponent:
    @settings(deadline=None)
    @given(POWERS, st.floats(1e-9, 1e3), st.lists(st.integers(1, 10**6), min_size=3, max_size=9, unique=True))
    def test_of_an_exact_power_law(self, power, factor, sizes):
        found = fitted(sizes, [factor * size**power for size in sizes])
        assert found.value == pytest.approx(power, rel=1e-6)
        assert found.low <= found.value <= found.high
        assert {found.smallest, found.largest} <= set(sizes)
        assert found.largest == max(sizes)

    @pytest.mark.parametrize("sizes", [SIZES, SIZES[:3], (1, 4, 16, 64, 256)])
    @pytest.mark.parametrize("power", [1.0, 2.0])
    def test_its_interval_holds_the_truth_under_noise(self, sizes, power):
        draw, held, errors = np.random.default_rng(1), 0, draw_errors(len(sizes))
        for _ in range(200):
            times = 1e-6 * np.power(sizes, power) * np.exp(draw.normal(0, errors))
            found = exponent(sizes, times.tolist(), errors)
            held += found.low <= power <= found.high
        assert held >= 0.98 * 200

    @pytest.mark.parametrize("understated", [2, 10])
    @pytest.mark.parametrize("count", [3, 4, 5, 6])
    def test_its_interval_holds_the_truth_when_the_errors_are_understated(self, count, understated):
        """By a factor that nobody knows; with the quantile of the normal distribution 77 % to 94 % did."""
        draw, held, errors = np.random.default_rng(count), 0, draw_errors(count)
        sizes = [8.0**number for number in range(1, count + 1)]
        for _ in range(1000):
            times = np.array(sizes) * np.exp(draw.normal(0, understated * np.array(errors)))
            # The first takes so little time that it does not count: `count` points do.
            found = exponent([1.0, *sizes], [1.0, *times.tolist()], [0.01, *errors])
            assert found.smallest == sizes[0]
            held += found.low <= 1.0 <= found.high
        assert held >= 0.98 * 1000

    def test_its_width_is_that_of_the_errors(self):
        times = [1e-6 * size for size in SIZES]
        found = fitted(SIZES, times, 0.02)
        # The error of a slope through points of one error, by its formula.
        logarithms = np.log(SIZES[2:])
        error = 0.02 / math.sqrt(((logarithms - logarithms.mean()) ** 2).sum())
        assert found.smallest == SIZES[2]
        assert found.high - found.low == pytest.approx(2 * 2.5758 * error, rel=1e-4)

    def test_a_time_that_is_hardly_known_hardly_counts(self):
        times = [size**1.0 for size in SIZES]
        times[-1] *= 2
        found = exponent(SIZES, times, [0.01] * 5 + [10.0])
        assert found.value == pytest.approx(1.0, abs=1e-4)

    def test_what_is_no_power_law_has_a_wide_interval(self):
        bent, straight = ([max(size, size**power / 512) for size in SIZES] for power in (2, 1))
        widths = [found.high - found.low for found in (fitted(SIZES, times, 1e-3) for times in (bent, straight))]
        assert widths[0] > 10 * widths[1]

    def test_errors_of_zero(self):
        found = fitted(SIZES, [1e-6 * size for size in SIZES], 0.0)
        assert found.low < 1.0 < found.high

    @settings(deadline=None)
    @given(POWERS, st.floats(1, 300))
    def test_overhead_is_left_out(self, power, overhead):
        # The overhead is up to 300 times the work at the smallest size.
        times = [overhead * 32**power + size**power for size in SIZES]
        of_all = np.polyfit(np.log(SIZES), np.log(times), 1)[0]
        found = fitted(SIZES, times)
        assert abs(found.value - power) < abs(of_all - power)
        assert found.smallest > SIZES[0]

    def test_overhead_of_a_third_at_most_where_enough_is_long(self):
        times = [1.0 + size / 32 for size in SIZES]
        chosen = upper(SIZES, times)
        assert [SIZES[index] for index in chosen] == [256, 512, 1024]
        assert all(1.0 / times[index] < 1 / 3 for index in chosen)

    def test_what_does_not_grow(self):
        found = fitted(SIZES, [1e-4, 1.01e-4, 1e-4, 1.02e-4, 1e-4, 1.01e-4])
        assert (found.smallest, found.largest) == (256, 1024)
        assert found.low < 0 < found.high
        assert abs(found.value) < 0.1

    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_none_for_fewer_than_three(self, count):
        assert fitted(SIZES[:count], [1.0] * count) is None

    def test_the_order_does_not_show(self):
        times = [1 + size**1.5 for size in SIZES]
        errors = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]
        assert exponent(SIZES, times, errors) == exponent(SIZES[::-1], times[::-1], errors[::-1])


def draw_errors(count):
    """From 0.5 % to 2 %, in no order."""
    return [0.005 * (1 + 3 * ((7 * number) % count) / count) for number in range(count)]


def at(size, ratio, verdict=""):
    """A point whose verdict is that of a quiet machine, unless another is given; None where nothing was timed."""
    if ratio is None:
        return {"size": size, "seconds": {}, "errors": {}, "ratio": None, "verdict": "", "message": "out of memory"}
    verdict = verdict or ("SLOWER" if ratio > 1 else "FASTER")
    times = {JAX: 1e-4 * size, TORCH: 1e-4 * size * ratio}
    interval = {"value": ratio, "low": ratio * 0.99, "high": ratio * 1.01}
    errors = dict.fromkeys(times, 0.01)
    return {"size": size, "seconds": times, "errors": errors, "ratio": interval, "verdict": verdict, "message": ""}


class TestCrossovers:
    @settings(deadline=None)
    @given(st.floats(33, 1023), st.floats(0.2, 2), st.booleans())
    def test_where_two_power_laws_meet(self, where, slope, torch_above):
        sign = -1 if torch_above else 1
        found = crossovers([at(size, (size / where) ** (sign * slope), "") for size in SIZES if size != where])
        assert len(found) == 1
        assert found[0].size == pytest.approx(where, rel=1e-6)
        assert found[0].faster_above == (TORCH if torch_above else JAX)
        assert found[0].adjacent

    @pytest.mark.parametrize("middle", [at(128, 1.001, "SAME"), at(128, 0.7, "CANNOT TELL"), at(128, None)])
    def test_over_what_was_not_decided(self, middle):
        told = [at(64, 2.0), middle, at(256, 0.5)]
        (found,) = crossovers(told)
        assert (found.size, found.between, found.adjacent) == (pytest.approx(128), (64, 256), False)
        assert summary("T", told) == "torch.compile is faster above some T between 64 and 256"

    def test_none_without_a_change(self):
        assert crossovers([at(64, 2.0), at(128, 1.5), at(256, 1.1)]) == []
        assert crossovers([at(64, 2.0), at(128, 0.9, "CANNOT TELL"), at(256, 0.9, "SAME")]) == []
        assert crossovers([]) == []

    def test_the_order_of_points_does_not_show(self):
        told = [at(64, 2.0), at(128, 0.8), at(256, 1.5)]
        assert crossovers(told) == crossovers(told[::-1])


class TestSummary:
    @pytest.mark.parametrize(
        ("told", "words"),
        [
            ([at(128, 4.0), at(512, 0.25)], "torch.compile is faster above T = 256"),
            ([at(128, 0.25), at(512, 4.0)], "jax.jit is faster above T = 256"),
            (
                [at(32, 4.0), at(128, 0.25), at(512, 4.0)],
                "torch.compile is faster above T = 64, jax.jit above T = 256",
            ),
            ([at(32, 4.0), at(1024, 1.5)], "jax.jit is faster at every T from 32 to 1024"),
            ([at(32, 0.5), at(1024, 0.25)], "torch.compile is faster at every T from 32 to 1024"),
            (
                [at(32, 4.0), at(64, 2.0), at(128, 1.0, "SAME"), at(256, None)],
                "jax.jit is faster at T = 32, 64; no certain difference at other sizes",
            ),
            ([at(32, 1.1, "CANNOT TELL"), at(64, 1.0, "SAME")], "no certain difference"),
            (
                [at(32, 1.0, "SAME"), at(64, 1.0, "SAME"), at(128, None)],
                "both are equally fast at every T that was timed, from 32 to 64",
            ),
            ([at(32, None), at(64, None)], "nothing could be timed"),
            ([], "nothing could be timed"),
            ([at(32, 2.0)], "jax.jit is faster at every T = 32"),
        ],
    )
    def test_words(self, told, words):
        assert summary("T", told) == words


def test_the_rule_of_the_upper_sizes_is_no_power_of_two():
    """Where time doubles, or grows fourfold, a little noise moves no point across the line."""
    assert min(abs(math.log2(fit.ABOVE_SMALLEST / 2**power)) for power in range(4)) > 0.4
