"""The interval of a ratio holds the true one as often as it says, whatever the times are distributed like."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from parity.bench.timing.interval import Estimate, paired_ratio

TIMES = st.lists(
    st.tuples(st.floats(1e-7, 1e2), st.floats(1e-7, 1e2)),
    min_size=8,
    max_size=40,
)
TRIES = 500
# Each of a pair by itself, about 3 % wide in the middle; a round may be slow as a whole, which hits both.
NOISE = {
    "log-normal": lambda draw, size: draw.normal(0, 0.03, size),
    "wide log-normal": lambda draw, size: draw.normal(0, 0.5, size),
    "heavy tails": lambda draw, size: 0.03 * draw.standard_cauchy(size),
    "only ever slower": lambda draw, size: draw.pareto(1.5, size) * 0.03,
}


def close(one, other):
    return all(
        math.isclose(getattr(one, name), getattr(other, name), rel_tol=1e-9) for name in ("value", "low", "high")
    )


class TestCoverage:
    @pytest.mark.parametrize("rounds", [8, 20, 101])
    @pytest.mark.parametrize("noise", NOISE)
    def test_it_holds_the_truth(self, noise, rounds):
        draw, held = np.random.default_rng([7, rounds]), 0
        for _ in range(TRIES):
            common = 1e-4 * (1 + draw.pareto(1.0, rounds))
            above, below = (common * np.exp(np.clip(NOISE[noise](draw, rounds), -20, 20)) for _ in range(2))
            found = paired_ratio(1.3 * above, below, 0.99)
            held += found.low <= 1.3 <= found.high
        # Exact intervals of order statistics hold 99 % at least; 500 tries of that are below 98 % once in 30.
        assert held / TRIES >= 0.98

    def test_more_rounds_make_it_narrower(self):
        draw = np.random.default_rng(3)
        widths = [paired_ratio(*np.exp(draw.normal(0, 0.03, (2, n))), 0.99).half_width for n in (20, 200, 2000)]
        assert widths[0] > 2 * widths[1] > 4 * widths[2]

    def test_an_outlier_does_not_move_it(self):
        draw = np.random.default_rng(4)
        above, below = np.exp(draw.normal(0, 0.01, (2, 100)))
        spoilt = above.copy()
        spoilt[above / below > np.quantile(above / below, 0.9)] *= 1e6
        assert close(paired_ratio(above, below, 0.99), paired_ratio(spoilt, below, 0.99))


class TestProperties:
    @settings(deadline=None)
    @given(TIMES, st.sampled_from([0.9, 0.95, 0.99]))
    def test_the_other_way_round_it_is_the_inverse(self, pairs, confidence):
        above, below = zip(*pairs, strict=True)
        one, other = paired_ratio(above, below, confidence), paired_ratio(below, above, confidence)
        assert close(one, Estimate(1 / other.value, 1 / other.high, 1 / other.low))

    @settings(deadline=None)
    @given(TIMES, st.floats(1e-6, 1e6))
    def test_the_unit_of_time_does_not_show(self, pairs, unit):
        above, below = map(np.array, zip(*pairs, strict=True))
        assert close(paired_ratio(above, below, 0.99), paired_ratio(above * unit, below * unit, 0.99))

    @settings(deadline=None)
    @given(TIMES, st.floats(0.1, 10))
    def test_slower_by_a_factor(self, pairs, factor):
        above, below = map(np.array, zip(*pairs, strict=True))
        one, other = paired_ratio(above, below, 0.99), paired_ratio(above * factor, below, 0.99)
        assert close(Estimate(one.value * factor, one.low * factor, one.high * factor), other)

    @settings(deadline=None)
    @given(TIMES)
    def test_the_order_of_rounds_does_not_show(self, pairs):
        above, below = zip(*pairs, strict=True)
        assert close(paired_ratio(above, below, 0.99), paired_ratio(above[::-1], below[::-1], 0.99))

    @settings(deadline=None)
    @given(TIMES)
    def test_the_value_is_inside_and_more_confidence_is_wider(self, pairs):
        above, below = zip(*pairs, strict=True)
        narrow, wide = paired_ratio(above, below, 0.9), paired_ratio(above, below, 0.99)
        assert wide.low <= narrow.low <= narrow.value * (1 + 1e-12)
        assert narrow.value * (1 - 1e-12) <= narrow.high <= wide.high

    @settings(deadline=None)
    @given(TIMES)
    def test_one_against_itself_is_one(self, pairs):
        above, _ = zip(*pairs, strict=True)
        assert paired_ratio(above, above, 0.99) == Estimate(1.0, 1.0, 1.0)


class TestTooFew:
    @pytest.mark.parametrize("rounds", range(1, 8))
    def test_no_interval_below_eight(self, rounds):
        found = paired_ratio([1.1] * rounds, [1.0] * rounds, 0.99)
        assert found.value == pytest.approx(1.1)
        assert math.isnan(found.low)
        assert math.isnan(found.high)
        assert math.isnan(found.half_width)

    def test_eight_are_enough(self):
        ratios = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7]
        found = paired_ratio(ratios, [1.0] * 8, 0.99)
        assert (found.low, found.high) == pytest.approx((1.0, 1.7))


class TestWidths:
    @settings(deadline=None)
    @given(st.floats(0.01, 100), st.floats(1, 10), st.floats(1, 10))
    def test_half_width_and_reach(self, value, down, up):
        assume(down * up > 1)
        ratio = Estimate(value, value / down, value * up)
        assert ratio.half_width == pytest.approx(math.log(down * up) / 2)
        assert ratio.reach == pytest.approx(max(abs(math.log(value / down)), abs(math.log(value * up))))
