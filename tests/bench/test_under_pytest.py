"""pytest-benchmark shows samples that were taken by turns as its own: statistics, groups, JSON, compare, histograms."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

import pytest

pytestmark = pytest.mark.both
SECONDS = {"jax.jit": [0.002, 0.004, 0.003], "torch.compile": [0.006, 0.005, 0.004]}
PROGRAM = f"""
import pytest

SECONDS = {SECONDS!r}


@pytest.mark.parametrize("candidate", [*SECONDS, "torch"])
def test_speed(benchmark, candidate):
    from parity.bench.timing.clock import Samples
    from parity.bench.results import CandidateResult, Comparison
    from parity.bench.under_pytest import hand_over

    rows = [CandidateResult(name, "jax", "compiled", "timed", verdict="SLOWER") for name in SECONDS]
    rows.append(CandidateResult("torch", "torch", "eager", "failed", message="it hung"))
    judged = {{"passed": True}}
    comparison = Comparison("attention", "forward", "float32", {{"T": 8}}, "jax.jit", judged, candidates=tuple(rows))
    by_round = {{name: dict(enumerate(seconds)) for name, seconds in SECONDS.items()}}
    ones = dict.fromkeys(SECONDS, 1)
    hand_over(benchmark, comparison, Samples(by_round, ones, ones, ones), candidate)
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inner")
    (folder / "test_inner.py").write_text(PROGRAM)
    for _ in range(2):
        done = _run(folder, "pytest", "test_inner.py", "-q", "--benchmark-json=out.json", "--benchmark-save=x")
    return folder, done


def _run(folder, *words):
    return subprocess.run([sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, check=False)


def test_the_samples_are_the_result(ran):
    folder, done = ran
    assert "1 failed, 2 passed" in done.stdout
    found = {one["param"]: one for one in json.loads((folder / "out.json").read_text())["benchmarks"]}
    assert set(found) == set(SECONDS)
    for name, seconds in SECONDS.items():
        assert found[name]["stats"]["data"] == pytest.approx(seconds)
        assert found[name]["stats"]["median"] == pytest.approx(statistics.median(seconds))
        assert found[name]["stats"]["rounds"] == 3
        assert found[name]["group"] == "attention forward float32"
        assert found[name]["extra_info"]["verdict"] == "SLOWER"
        assert found[name]["extra_info"]["base"] == "jax.jit"


def test_one_that_was_not_timed_fails_once_and_says_why(ran):
    _, done = ran
    assert "AssertionError: it hung" in done.stdout
    assert "error" not in done.stdout.splitlines()[-1]


def test_two_runs_can_be_compared(ran):
    folder, _ = ran
    done = _run(folder, "pytest_benchmark", "compare", "--group-by=group", "--columns=median")
    assert done.returncode == 0, done.stderr
    shown = done.stdout + done.stderr
    assert shown.count("test_speed[jax.jit]") == 2
    assert "'attention forward float32'" in shown
