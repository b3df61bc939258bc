"""What calibration counts, and what it requires."""

from __future__ import annotations

import math

import pytest

from parity.bench.calibration.results import Calibration, Requirement
from parity.bench.calibration.trials import FUNCTIONS, MEDIANS, METHODS, MINIMA, PARITY, SAME, SLOWER, Trial

JIT, COMPILE = FUNCTIONS


def made(count, *, same=1.001, verdict="SAME", found="SLOWER"):
    """So many trials of parity on each function, all alike."""
    return tuple(
        one
        for function in FUNCTIONS
        for one in (
            *[Trial(PARITY, function, SAME, same, verdict)] * count,
            *[Trial(PARITY, function, SLOWER, 1.05, found)] * count,
        )
    )


def finished(trials, count=100):
    return Calibration(count, 2.0, trials, done=6 * count, total=6 * count)


class TestRows:
    def test_one_for_each_method_and_function(self):
        rows = finished(()).rows()
        assert [(row.method, row.function) for row in rows] == [(m, f) for m in METHODS for f in FUNCTIONS]

    def test_numbers(self):
        ratios = [1.0, 1.01, 1 / 1.02, 1.03]
        same = [Trial(PARITY, JIT, SAME, ratio, "SLOWER" if ratio > 1.02 else "CANNOT TELL") for ratio in ratios]
        slower = [Trial(PARITY, JIT, SLOWER, 1.05, verdict) for verdict in ("SLOWER", "CANNOT TELL", "FASTER")]
        others = [Trial(MEDIANS, JIT, SAME, 9.0, "SLOWER"), Trial(PARITY, COMPILE, SAME, 9.0, "SLOWER")]
        row = finished((*same, *slower, *others)).rows()[0]
        assert (row.same, row.slower, row.beyond, row.false_alarms, row.found) == (4, 3, 2, 1, 1)
        assert row.worst == pytest.approx(math.log(1.03))
        mean = math.log(1.01 / 1.02 * 1.03) / 4
        spread = math.sqrt(sum((math.log(ratio) - mean) ** 2 for ratio in ratios) / 3)
        assert row.spread == pytest.approx(spread)
        assert row.cells == (PARITY, JIT, f"{100 * spread:.2f} %", "2.96 %", "2 of 4", "1 of 4", "1 of 3")

    def test_nothing_yet(self):
        row = finished(()).rows()[0]
        assert (row.spread, row.worst, row.same) == (None, None, 0)

    def test_a_ratio_that_is_no_number_is_beyond(self):
        row = finished((Trial(PARITY, JIT, SAME, math.nan, "CANNOT TELL"),)).rows()[0]
        assert row.beyond == 1


class TestRequirements:
    def test_met(self):
        found = finished(made(100))
        assert found.passed
        assert len(found.requirements()) == 4

    @pytest.mark.parametrize(("wrong", "met"), [(1, True), (2, False)])
    def test_ninety_nine_within_the_margin(self, wrong, met):
        trials = list(made(100))
        trials[:wrong] = [Trial(PARITY, JIT, SAME, 1 / 1.016, "CANNOT TELL")] * wrong
        assert finished(tuple(trials)).passed is met

    @pytest.mark.parametrize(("missed", "met"), [(5, True), (6, False)])
    def test_ninety_five_found(self, missed, met):
        trials = list(made(100))
        trials[-missed:] = [Trial(PARITY, COMPILE, SLOWER, 1.05, "CANNOT TELL")] * missed
        assert finished(tuple(trials)).passed is met

    def test_of_few_trials_all(self):
        assert finished(made(2), 2).passed
        assert not finished((*made(2), Trial(PARITY, JIT, SAME, 1.02, "SLOWER")), 2).passed

    def test_no_trials_are_no_pass(self):
        assert not finished(()).passed
        assert not Requirement(JIT, "", 0, 0, 0.95).met
        one_function = tuple(one for one in made(100) if one.function == JIT)
        assert not finished(one_function).passed

    def test_a_stopped_run_is_no_pass(self):
        assert not Calibration(100, 2.0, made(100), done=599, total=600).passed

    def test_what_pytest_benchmark_says_is_no_target(self):
        bad = tuple(Trial(MINIMA, function, SAME, 3.0, "SLOWER") for function in FUNCTIONS)
        assert finished((*made(100), *bad)).passed
