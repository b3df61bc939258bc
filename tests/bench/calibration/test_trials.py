"""One trial: by parity on a clock that only the calls move, and by pytest-benchmark."""

from __future__ import annotations

import json
import subprocess

import pytest

from parity.bench.calibration import trials
from parity.bench.calibration.run import run
from parity.bench.calibration.trials import FUNCTIONS, LINE, MEDIANS, MINIMA, SAME, SLOWDOWN, SLOWER
from parity.bench.timing import clock
from parity.errors import InputError

JIT, _ = FUNCTIONS


class TestPytestBenchmark:
    @pytest.mark.parametrize(
        ("ratio", "verdict"),
        [(1.0, "SAME"), (1.024, "SAME"), (1.026, "SLOWER"), (1 / 1.024, "SAME"), (1 / 1.026, "FASTER")],
    )
    def test_its_line(self, ratio, verdict):
        assert pytest.approx(1.025) == LINE
        assert trials.trial(MEDIANS, JIT, SAME, ratio).verdict == verdict

    def test_the_ratios_of_what_it_wrote(self, monkeypatch):
        times = {
            "test_first": (2.0, 1.0),
            "test_second": (2.1, 1.1),
            "test_slowed": (3.15, 1.1),
        }
        asked = []

        def run(words, **options):
            asked.append((words, options))
            (path,) = [word.split("=", 1)[1] for word in words if word.startswith("--benchmark-json=")]
            stats = [{"name": name, "stats": {"median": m, "min": least}} for name, (m, least) in times.items()]
            with open(path, "w") as file:
                json.dump({"benchmarks": stats}, file)
            return subprocess.CompletedProcess(words, 0, "", "")

        monkeypatch.setattr(trials.subprocess, "run", run)
        monkeypatch.setenv("PYTEST_ADDOPTS", "--benchmark-disable")
        found = {(one.method, one.kind): one for one in trials.by_pytest_benchmark(JIT, 3.0)}
        assert {key: one.ratio for key, one in found.items()} == pytest.approx(
            {(MEDIANS, SAME): 1.05, (MINIMA, SAME): 1.1, (MEDIANS, SLOWER): 1.5, (MINIMA, SLOWER): 1.0}
        )
        assert found[MINIMA, SLOWER].verdict == "SAME"
        ((words, options),) = asked
        # The time is the one setting that is not the default.
        assert [word for word in words if "benchmark-" in word and "json" not in word] == ["--benchmark-max-time=1.5"]
        assert not [name for name in options["env"] if name.startswith("PYTEST_")]

    def test_one_that_broke_is_no_trial(self, monkeypatch):
        done = subprocess.CompletedProcess([], 1, "1 failed", "")
        monkeypatch.setattr(trials.subprocess, "run", lambda *_, **__: done)
        with pytest.raises(RuntimeError, match="exit code 1: 1 failed"):
            trials.by_pytest_benchmark(JIT, 1.0)

    def test_it_has_to_be_there(self, monkeypatch):
        monkeypatch.setattr(trials.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(InputError, match=r"pytest-benchmark, .* is not installed"):
            next(run(1, 1.0))


class TestByParity:
    """On a clock that only the calls move."""

    @pytest.fixture(autouse=True)
    def time(self, monkeypatch):
        class Time:
            now = 0.0

            def perf_counter(self):
                self.now += 1e-9  # a loop that waits has to come to its end
                return self.now

            process_time = perf_counter

            def sleep(self, seconds):
                self.now += seconds

        self.fake = Time()
        monkeypatch.setattr(clock, "time", self.fake)
        monkeypatch.setattr(trials, "time", self.fake)

    def call(self, number):
        self.fake.now += 4e-4

    def test_one_function_against_itself(self):
        found = trials.by_parity(self.call, JIT, SAME, 2.0)
        assert (found.ratio, found.verdict) == (pytest.approx(1.0), "SAME")
        # What is left after the last round, and the first calls, is no more than a round.
        assert 2.0 <= self.fake.now < 2.02

    def test_a_slowdown_that_is_true(self):
        found = trials.by_parity(self.call, JIT, SLOWER, 2.0)
        assert (found.ratio, found.verdict) == (pytest.approx(SLOWDOWN, rel=1e-4), "SLOWER")
        assert pytest.approx(1.05) == SLOWDOWN

    def test_slowed(self):
        started = self.fake.now
        numbers = []

        def call(number):
            numbers.append(number)
            self.fake.now += 4e-4
            return "out"

        assert trials.slowed(call)(5) == "out"
        assert numbers == [5]
        assert self.fake.now - started == pytest.approx(SLOWDOWN * 4e-4, rel=1e-2)
