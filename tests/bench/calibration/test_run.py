"""`parity calibrate`: the order of the trials, its files and exit codes, and what is left when it is stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console

from parity import cli
from parity.bench.calibration import run as calibrating
from parity.bench.calibration import trials
from parity.bench.calibration.results import Calibration
from parity.bench.calibration.run import OTHER, TURNS
from parity.bench.calibration.trials import FUNCTIONS, MEDIANS, METHODS, MINIMA, PARITY, SAME, SLOWER, Trial
from parity.report.calibration_table import table

JIT, COMPILE = FUNCTIONS


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

        monkeypatch.setattr(calibrating, "by_parity", by_parity)
        monkeypatch.setattr(calibrating, "by_pytest_benchmark", by_pytest_benchmark)
        monkeypatch.setattr(calibrating, "programs", lambda names: Programs())


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
        written = json.loads((tmp_path / "r/calibration.json").read_text())
        assert json.loads(out).keys() == written.keys()
        assert (written["schema"], written["complete"], written["passed"], code) == (
            "parity-calibration/1",
            True,
            True,
            0,
        )
        assert len(written["trials"]) == 2 * 2 * (2 + 4)
        assert len(written["rows"]) == 6
        assert [len(load) for load in written["environment"]["load"]] == [3, 3]
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
        written = json.loads((tmp_path / "parity-report/calibration.json").read_text())
        assert (written["complete"], written["passed"]) == (False, False)
        done = ([SAME, SLOWER, *[SAME, SLOWER] * 2] * 4)[: {0: 0, 1: 1, 7: 13}[turns]]
        assert sorted(one["kind"] for one in written["trials"]) == sorted(done)
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
    written = json.loads(path.read_text())
    assert (written["complete"], written["passed"]) == (False, False)
    done = {(one["method"], one["function"], one["kind"]) for one in written["trials"]}
    assert done == {
        *((method, JIT, kind) for method in METHODS for kind in (SAME, SLOWER)),
        *((PARITY, COMPILE, kind) for kind in (SAME, SLOWER)),
    }
    assert all(one["ratio"] > 0 for one in written["trials"])
    while is_alive(process.pid):
        assert time.monotonic() < end, "something outlives the command"
        time.sleep(0.1)


def is_alive(session):
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return False
    return True
