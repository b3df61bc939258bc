"""What a ratio and its control allow to say: never more than both show."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from parity.bench.timing.interval import Estimate
from parity.bench.timing.verdict import MARGIN, Speed, judge

DECIDED = (Speed.FASTER, Speed.SLOWER)
# Logarithms of the ends of an interval: near 1 at the scale of the margin, and far from it.
LOGARITHMS = st.one_of(st.floats(-4 * MARGIN, 4 * MARGIN), st.floats(-3, 3))
RATIOS = (
    st.lists(LOGARITHMS, min_size=3, max_size=3)
    .map(sorted)
    .map(lambda ends: Estimate(math.exp(ends[1]), math.exp(ends[0]), math.exp(ends[2])))
)
MARGINS = st.floats(1e-3, 0.2)
NAN = float("nan")


def inverse(ratio):
    return Estimate(1 / ratio.value, 1 / ratio.high, 1 / ratio.low)


def around(value, half_width):
    return Estimate(value, value * math.exp(-half_width), value * math.exp(half_width))


QUIET = around(1.0, 0.003)


@pytest.mark.parametrize(
    ("ratio", "control", "speed"),
    [
        (around(1.05, 0.01), QUIET, Speed.SLOWER),
        (around(0.95, 0.01), QUIET, Speed.FASTER),
        (around(1.002, 0.005), QUIET, Speed.SAME),
        (around(1.0, 0.1), QUIET, Speed.CANNOT_TELL),
        (around(1.05, 0.01), around(1.0, 0.06), Speed.CANNOT_TELL),
        (around(1.05, 0.01), around(1.06, 0.003), Speed.CANNOT_TELL),
        (around(1.0, 0.005), around(1.0, 0.06), Speed.CANNOT_TELL),
        (around(2.0, 0.1), around(1.0, 0.06), Speed.SLOWER),
        # Certainly another, but by less than is worth a word.
        (around(1.008, 0.002), around(1.0, 0.001), Speed.SAME),
    ],
)
def test_examples(ratio, control, speed):
    assert judge(ratio, control, 3.0).speed is speed


@settings(deadline=None)
@given(RATIOS, RATIOS, MARGINS)
def test_no_difference_inside_of_what_the_control_reaches(ratio, control, margin):
    if judge(ratio, control, 1.0, margin).speed in DECIDED:
        ends = [math.log(ratio.low), math.log(ratio.high)]
        reach = max(abs(math.log(control.low)), abs(math.log(control.high)))
        assert min(map(abs, ends)) > reach
        assert ends[0] * ends[1] > 0


@settings(deadline=None)
@given(RATIOS, RATIOS, MARGINS)
def test_the_side_is_that_of_the_ratio(ratio, control, margin):
    speed = judge(ratio, control, 1.0, margin).speed
    assert speed is not Speed.FASTER or ratio.high < 1
    assert speed is not Speed.SLOWER or ratio.low > 1


@settings(deadline=None)
@given(RATIOS, RATIOS, MARGINS)
def test_same_only_within_the_margin(ratio, control, margin):
    if judge(ratio, control, 1.0, margin).speed is Speed.SAME:
        for one in (ratio, control):
            assert math.exp(-margin) * (1 - 1e-12) <= one.low <= one.high <= math.exp(margin) * (1 + 1e-12)


@settings(deadline=None)
@given(RATIOS, RATIOS, MARGINS)
def test_a_difference_is_more_than_the_margin_in_part(ratio, control, margin):
    """Nothing is called a difference all of which is within the margin."""
    if judge(ratio, control, 1.0, margin).speed in DECIDED:
        assert max(ratio.reach, control.reach) > margin


@settings(deadline=None)
@given(RATIOS, RATIOS, MARGINS)
@example(Estimate(1.0, 1.0, 1.0), Estimate(1.0, 1.0, 1.023714316602358), 0.0234375)
def test_swapping_the_sides_swaps_faster_and_slower(ratio, control, margin):
    # Whether an end that lies on a limit is within it, rounding decides.
    ends = [math.log(end) for one in (ratio, control) for end in (one.low, one.high)]
    limits = [0.0, margin, *(abs(end) for end in ends[2:])]
    assume(not any(0 < abs(abs(end) - limit) < 1e-12 for end in ends for limit in limits))
    swapped = {Speed.FASTER: Speed.SLOWER, Speed.SLOWER: Speed.FASTER}
    there = judge(ratio, control, 1.0, margin).speed
    back = judge(inverse(ratio), inverse(control), 1.0, margin).speed
    assert back is swapped.get(there, there)


@settings(deadline=None)
@given(RATIOS, RATIOS, st.sampled_from(["ratio", "control"]), st.booleans())
def test_without_an_interval_nothing_can_be_told(ratio, control, which, both_ends):
    broken = Estimate(ratio.value, NAN, NAN if both_ends else ratio.high)
    found = judge(broken, control, 1.0) if which == "ratio" else judge(ratio, broken, 1.0)
    assert found.speed is Speed.CANNOT_TELL
    assert "--budget" in found.advice


@settings(deadline=None)
@given(RATIOS, RATIOS, st.floats(1e-3, 1e3), MARGINS)
def test_advice_exactly_where_it_cannot_be_told(ratio, control, elapsed_s, margin):
    found = judge(ratio, control, elapsed_s, margin)
    assert bool(found.advice) == (found.speed is Speed.CANNOT_TELL)


@settings(deadline=None)
@given(RATIOS, st.floats(0, 0.2), st.floats(0, 0.2))
def test_a_wider_control_never_decides_more(ratio, narrow, wider):
    narrow, wider = sorted((narrow, wider))
    if judge(ratio, around(1.0, wider), 1.0).speed in DECIDED:
        assert judge(ratio, around(1.0, narrow), 1.0).speed in (*DECIDED, Speed.SAME)
    if judge(ratio, around(1.0, wider), 1.0).speed is Speed.SAME:
        assert judge(ratio, around(1.0, narrow), 1.0).speed is Speed.SAME


class TestAdvice:
    def test_a_disturbed_control_asks_for_quiet(self):
        advice = judge(around(1.2, 0.01), around(1.3, 0.01), 3.0).advice
        assert "1.300" in advice
        assert "on a quiet machine" in advice

    @pytest.mark.parametrize("half_width", [0.02, 0.05, 0.2])
    def test_the_budget_grows_with_the_width(self, half_width):
        advice = judge(around(1.0, half_width), QUIET, 3.0).advice
        budget = int(advice.split("--budget ")[1].split()[0])
        # Widths shrink as 1 / √time: half the margin is wanted.
        assert budget == math.ceil(3.0 * (half_width / (MARGIN / 2)) ** 2)

    def test_it_is_always_more_than_there_was(self):
        advice = judge(Estimate(1.2, 0.999, 1.21), QUIET, 3.0).advice
        assert int(advice.split("--budget ")[1].split()[0]) > 3
