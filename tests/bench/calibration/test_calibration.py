"""The command that proves the clock: what it counts, what it asks for, and what is left when it is stopped."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console

from parity import cli
from parity.bench.calibration import calibration, trials
from parity.bench.calibration.calibration import OTHER, TURNS, Calibration, Target
from parity.bench.calibration.trials import (
    FUNCTIONS,
    LINE,
    MEDIANS,
    METHODS,
    MINIMA,
    PARITY,
    SAME,
    SLOWDOWN,
    SLOWER,
    Trial,
)
from parity.bench.timing import clock
from parity.errors import InputError
from parity.report.calibration_table import table

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


class TestTargets:
    def test_met(self):
        found = finished(made(100))
        assert found.passed
        assert len(found.targets()) == 4

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
        assert not Target(JIT, "", 0, 0, 0.95).met
        one_function = tuple(one for one in made(100) if one.function == JIT)
        assert not finished(one_function).passed

    def test_a_stopped_run_is_no_pass(self):
        assert not Calibration(100, 2.0, made(100), done=599, total=600).passed

    def test_what_pytest_benchmark_says_is_no_target(self):
        bad = tuple(Trial(MINIMA, function, SAME, 3.0, "SLOWER") for function in FUNCTIONS)
        assert finished((*made(100), *bad)).passed


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
        with pytest.raises(InputError, match="pytest-benchmark is not installed"):
            next(calibration.run(1, 1.0))


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


class Faked:
    """Trials that take no time."""

    def __init__(self, monkeypatch, ratio=1.0, verdict="SAME", stop_after=None):
        self.turns, self.stop_after = [], stop_after

        def turn(what, function):
            if len(self.turns) == self.stop_after:
                raise KeyboardInterrupt
            self.turns.append((function, what))

        def by_parity(call, function, kind, seconds):
            turn(kind, function)
            return Trial(PARITY, function, kind, ratio if kind == SAME else 1.05, verdict if kind == SAME else "SLOWER")

        def by_pytest_benchmark(function, seconds):
            turn(OTHER, function)
            return [trials.trial(m, function, kind, 1.0) for m in (MEDIANS, MINIMA) for kind in (SAME, SLOWER)]

        class Programs:
            def __enter__(self):
                return dict.fromkeys(FUNCTIONS)

            def __exit__(self, *_):
                return None

        monkeypatch.setattr(calibration, "by_parity", by_parity)
        monkeypatch.setattr(calibration, "by_pytest_benchmark", by_pytest_benchmark)
        monkeypatch.setattr(calibration, "programs", lambda names: Programs())


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["parity", "calibrate", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code
        return code or 0, *capsys.readouterr()

    return run


@pytest.mark.both
class TestCommand:
    def test_kinds_and_functions_by_turns(self, monkeypatch, command):
        fake = Faked(monkeypatch)
        code, out, _ = command("--trials", 3, "--beside", 1)
        assert code == 0
        assert fake.turns == [(function, what) for function in FUNCTIONS for what in TURNS] * 3
        assert "met: jax.jit: A/A within ± 1.5 % in 3 of 3, target 99 %" in out
        assert "passed: parity-report/calibration.md, parity-report/calibration.json" in out

    def test_pytest_benchmark_takes_part_in_one_of_so_many(self, monkeypatch, command):
        fake = Faked(monkeypatch)
        code, _, _ = command("--trials", 5, "--beside", 3)
        assert code == 0
        assert [what for _, what in fake.turns].count(OTHER) == 2 * len(FUNCTIONS)
        assert [what for _, what in fake.turns].count(SAME) == 5 * len(FUNCTIONS)

    def test_the_table_fits_80_columns(self, monkeypatch, command):
        Faked(monkeypatch)
        monkeypatch.setenv("COLUMNS", "80")
        _, out, _ = command("--trials", 2, "--beside", 1)
        assert "…" not in out
        for words in ("pytest-benchmark,", "torch.compile", "± 1.5 %", "2/2"):
            assert words in out

    def test_the_widest_numbers_fit_80_columns(self, capsys):
        wide = [
            Trial(method, function, kind, ratio, "SLOWER")
            for method in METHODS
            for function in FUNCTIONS
            for kind in (SAME, SLOWER)
            for ratio in (1.25, 0.8) * 50
        ]
        Console(width=80).print(table(Calibration(100, 2.0, tuple(wide))))
        out = capsys.readouterr().out
        assert "…" not in out
        for words in ("100/100", "22.31 %"):
            assert words in out

    def test_files(self, monkeypatch, command, tmp_path):
        Faked(monkeypatch)
        code, out, _ = command("--trials", 2, "--report", "r", "--json", "--beside", 1)
        told = json.loads((tmp_path / "r/calibration.json").read_text())
        assert json.loads(out).keys() == told.keys()
        assert (told["schema"], told["complete"], told["passed"], code) == ("parity-calibration/1", True, True, 0)
        assert len(told["trials"]) == 2 * 2 * (2 + 4)
        assert len(told["rows"]) == 6
        assert [len(load) for load in told["environment"]["load"]] == [3, 3]
        page = (tmp_path / "r/calibration.md").read_text()
        assert "| parity | jax.jit | 0.00 % | 0.00 % | 0 of 2 | 0 of 2 | 2 of 2 |" in page
        assert "| pytest-benchmark, minima | torch.compile | 0.00 % | 0.00 % | 0 of 2 | 0 of 2 | 0 of 2 |" in page
        assert "Incomplete" not in page

    def test_a_missed_target_is_exit_code_1(self, monkeypatch, command):
        Faked(monkeypatch, ratio=1.02, verdict="SLOWER")
        code, out, _ = command("--trials", 2)
        assert code == 1
        assert "not met: torch.compile: A/A within ± 1.5 % in 0 of 2, target 99 %" in out

    @pytest.mark.parametrize("turns", [0, 1, 7])
    def test_a_stop_keeps_what_was_done(self, monkeypatch, command, tmp_path, turns):
        Faked(monkeypatch, stop_after=turns)
        code, out, _ = command("--trials", 2, "--beside", 1)
        assert code == 130
        told = json.loads((tmp_path / "parity-report/calibration.json").read_text())
        assert (told["complete"], told["passed"]) == (False, False)
        done = ([SAME, SLOWER, *[SAME, SLOWER] * 2] * 4)[: {0: 0, 1: 1, 7: 13}[turns]]
        assert sorted(one["kind"] for one in told["trials"]) == sorted(done)
        assert f"Incomplete: {turns} of 12 turns" in (tmp_path / "parity-report/calibration.md").read_text()
        assert "incomplete: " in out

    @pytest.mark.parametrize("words", [("--trials", 0), ("--seconds", 0), ("--seconds", "nan")])
    def test_bad_numbers(self, command, words):
        assert command(*words)[0] == 2


@pytest.mark.both
def test_the_real_thing_until_it_is_stopped(tmp_path):
    """Stopped while pytest-benchmark runs on the second function: what was done is there, and nothing is left running."""
    words = [sys.executable, "-m", "parity", "calibrate", "--report", str(tmp_path), "--seconds", "0.1"]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    path, end = tmp_path / "calibration.json", time.monotonic() + 200
    try:
        while not (path.exists() and len(json.loads(path.read_text())["trials"]) >= 8):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < end
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        try:
            out, _ = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:  # one that strikes while garbage is collected elsewhere is lost
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, out
    assert "incomplete: " in out
    told = json.loads(path.read_text())
    assert (told["complete"], told["passed"]) == (False, False)
    done = {(one["method"], one["function"], one["kind"]) for one in told["trials"]}
    assert done == {
        *((method, JIT, kind) for method in METHODS for kind in (SAME, SLOWER)),
        *((PARITY, COMPILE, kind) for kind in (SAME, SLOWER)),
    }
    assert all(one["ratio"] > 0 for one in told["trials"])
    while is_alive(process.pid):
        assert time.monotonic() < end, "something outlives the command"
        time.sleep(0.1)


def is_alive(session):
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return False
    return True
