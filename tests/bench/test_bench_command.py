"""`parity bench` as it is called: exit codes, one-line messages, files, a caller's own pair."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.both
MODULE = """
def matmul(x, y):
    return x @ y

def other(x, y):
    return x @ y * 1.001
"""
QUICK = ("--input", "x=3x5", "--input", "y=5x2", "--budget", "0.02", "--threads", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mine")
    (folder / "mine.py").write_text(MODULE)
    return folder


def parity(folder, *words):
    done = subprocess.run(
        [sys.executable, "-m", "parity", "bench", *map(str, words)],
        cwd=folder,
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def ran(folder):
    return parity(folder, "mine:matmul", "mine:matmul", *QUICK)


def test_a_pair_of_ones_own(folder, ran):
    code, out, err = ran
    assert code == 0, out + err
    report = folder / "parity-report"
    found = json.loads((report / "bench.json").read_text())
    assert (found["schema"], found["complete"], found["passed"]) == ("parity-bench/1", True, True)
    assert [one["kind"] for one in found["comparisons"]] == ["forward", "gradient"]
    for one in found["comparisons"]:
        assert {row["name"]: row["status"] for row in one["candidates"]} == dict.fromkeys(
            ("jax", "jax.jit", "torch", "torch.compile"), "timed"
        )
    assert (report / "bench.md").read_text().startswith("# parity bench\n")
    assert "<html" in (report / "index.html").read_text()
    assert "passed: parity-report/bench.json, parity-report/bench.md, parity-report/index.html" in out
    assert "mine:matmul" in out


def test_json_is_all_that_standard_output_holds_and_a_run_can_be_compared(folder, ran):
    old = folder / "old.json"
    old.write_bytes((folder / "parity-report" / "bench.json").read_bytes())
    code, out, _ = parity(
        folder, "mine:matmul", "mine:matmul", *QUICK, "--compare", old, "--json", "--report", "second"
    )
    found = json.loads(out)
    assert {change["candidate"] for change in found["changes"]} == {"jax", "jax.jit", "torch", "torch.compile"}
    assert code == int(any(change["verdict"] in ("SLOWER", "LOST") for change in found["changes"]))


def test_a_run_of_another_machine_is_refused_before_anything_is_timed(folder, ran):
    old = json.loads((folder / "parity-report" / "bench.json").read_text())
    old["environment"]["cores"] += 1
    (folder / "elsewhere.json").write_text(json.dumps(old))
    code, _, err = parity(folder, "mine:matmul", "mine:matmul", *QUICK, "--compare", "elsewhere.json", "--report", "no")
    assert code == 2
    assert "--compare: the two runs cannot be compared: cores was" in err
    assert json.loads((folder / "no" / "bench.json").read_text())["comparisons"] == []


def test_a_run_that_was_finished_is_gone_on_with_in_no_time(folder, ran):
    before = json.loads((folder / "parity-report" / "bench.json").read_text())
    code, _, _ = parity(folder, "mine:matmul", "mine:matmul", *QUICK, "--resume")
    after = json.loads((folder / "parity-report" / "bench.json").read_text())
    assert code == 0
    assert after["comparisons"] == before["comparisons"]


def test_a_pair_that_is_not_equal_is_not_timed(folder):
    code, out, _ = parity(folder, "mine:matmul", "mine:other", *QUICK, "--report", "wrong")
    assert code == 1
    assert "failed parity" in " ".join(out.split())
    assert "failed: wrong/bench.json" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("atention",), "SELECT: got 'atention', expected some of attention"),
        (("mine:matmul",), "SELECT: got mine:matmul, expected two functions"),
        (("mine:matmul", "mine:no", *QUICK), "mine has no no"),
        (("--device", "tpu"), "device: got 'tpu', expected one of cpu, cuda"),
        (("--dtype", "float8"), "--dtype: got 'float8', expected some of float64"),
        (("--input", "x=3"), "--input, --stored: only for your own pair of functions"),
        (("--budget", "0"), "budget_s: got 0.0, expected a number above 0"),
        (("--compare", "no.json"), "--compare: cannot read no.json"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(folder, words, message):
    code, out, err = parity(folder, *words)
    assert code == 2
    assert message in err
    assert (out, err.count("\n")) == ("", 1)
