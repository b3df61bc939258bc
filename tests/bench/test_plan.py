"""The tasks of a benchmark, and what is taken over from bench.json."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity import ops
from parity.bench.plan import FILE, Bench, planned
from parity.bench.settings import Settings
from parity.errors import InputError

SETTINGS = Settings(threads=2)


def plan(*names, settings=SETTINGS, **options):
    return planned(names, ("float32",), settings, **{"sweeps": True, "with_phases": True, **options})


def test_every_operation_and_pass():
    bench = plan()
    assert {task.op for task in bench.comparisons} == set(ops.names())
    assert {(task.op, task.kind) for task in bench.comparisons} == {
        (name, kind)
        for name in ops.names()
        for kind in ("forward", "gradient")
        if kind == "forward" or ops.load(name).wrt
    }
    assert {(task.op, task.backend): task.kind for task in bench.phases} == {
        (name, backend): "gradient" if ops.load(name).wrt else "forward"
        for name in ops.names()
        for backend in ("jax", "torch")
    }
    assert {(sweep.op, sweep.axis) for sweep in bench.sweeps} >= {
        *(("multi_head_batched", axis) for axis in "TBND"),
        *(("train_step", axis) for axis in "TBD"),
    }


def test_a_selection():
    bench = plan("attention", sweeps=False, with_phases=False)
    assert list(bench.tasks) == ["limits float32", "attention forward float32", "attention gradient float32"]
    assert bench.missing == bench.tasks
    with pytest.raises(InputError, match="SELECT: got 'atention', expected some of attention"):
        plan("atention")


def test_names_are_the_same_in_every_run_and_tell_tasks_apart():
    tasks = plan().tasks
    assert list(tasks) == list(plan().tasks)
    assert all(name == task.name for name, task in tasks.items())
    assert "multi_head_batched forward float32 [B=2, D=64, S=32, T=32, num_heads=4]" in tasks


def test_nothing_is_no_pass():
    bench = Bench(SETTINGS, [])
    assert (bench.complete, bench.passed) == (True, False)


def test_resume_without_a_file_is_a_start(tmp_path):
    bench = plan("attention")
    bench.resume(tmp_path)
    assert bench.results == {}


def test_resume_with_other_settings_is_refused(tmp_path):
    plan("attention").write(tmp_path)
    with pytest.raises(InputError, match=r"--resume: .* was made with threads = 2, now it is 1"):
        plan("attention", settings=Settings(threads=1)).resume(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"schema": "parity-bench/0", "settings": {}}'])
def test_resume_with_a_damaged_file_is_refused(tmp_path, content):
    Path(tmp_path / FILE).write_text(content)
    with pytest.raises(InputError, match="--resume: "):
        plan("attention").resume(tmp_path)


def test_limits_that_could_not_be_measured_are_measured_again(tmp_path):
    bench = plan("attention", sweeps=False, with_phases=False)
    bench.results["limits float32"] = {}
    assert "limits float32" not in bench.missing
    bench.write(tmp_path)
    again = plan("attention", sweeps=False, with_phases=False)
    again.resume(tmp_path)
    assert "limits float32" in again.missing
