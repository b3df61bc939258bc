"""The plan of a benchmark, what is kept when it is stopped, and how it goes on. The measuring process is a fake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parity import ops
from parity.bench import run as benches
from parity.bench.results import Comparison, Row
from parity.bench.settings import Settings
from parity.errors import InputError

pytestmark = pytest.mark.both
SETTINGS = Settings(threads=2)
SECONDS = {"median": 1e-3, "q1": 9e-4, "q3": 1.1e-3, "least": 8e-4, "error": 0.01}
RATIO = {"value": 1.2, "low": 1.1, "high": 1.3}


def comparison(task):
    rows = tuple(
        Row(name, backend, "compiled", "timed", seconds=SECONDS, ratio=RATIO, yardstick=RATIO, verdict="SLOWER")
        for name, backend in (("jax.jit", "jax"), ("torch.compile", "torch"))
    )
    judged = {"passed": True, "verdict": "ROUNDING", "message": ""}
    work = {"flops": 1e6, "bytes": 1e3}
    control = {"of": "jax.jit", "ratio": RATIO}
    sizes = dict(task.sizes or {})
    return Comparison(
        task.op, task.kind, task.dtype, sizes, "jax.jit", judged, "", rows, control, work, 8, 1.0, "budget"
    )


class Fake:
    """Answers at once, and is interrupted before the `stop_at`-th comparison."""

    asked: list[str] = []  # noqa: RUF012
    stop_at = 10**9
    failing = ""

    def __init__(self, settings, folder, progress):
        self.progress = progress

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def environment(self):
        return {"processor": "P", "cores": 2, "load": [0.5], "python": "3"}

    def limits(self, dtype):
        return {"flops_per_s": 1e10, "bytes_per_s": 1e9}

    def measure(self, task):
        if len(self.asked) == self.stop_at:
            raise KeyboardInterrupt
        self.asked.append(task.name + str([task.sizes, task.constants]))
        self.progress("timing", "torch")
        found = comparison(task).to_dict()
        return found | {"message": "it is broken"} if task.name == self.failing else found


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr(benches, "Supervisor", Fake)
    monkeypatch.setattr(Fake, "asked", [])

    def rows(subjects, settings, told, folder=None):
        for op, kind, dtype in subjects:
            for backend in ("jax", "torch"):
                yield {"backend": backend, "op": op, "kind": kind, "dtype": dtype}

    monkeypatch.setattr(benches.phases, "run", rows)
    return Fake


def planned(*names, **options):
    return benches.planned(names, ("float32",), SETTINGS, **{"sweeps": True, "with_phases": True, **options})


def go(bench, folder):
    told = []
    for _ in benches.run(bench, folder, lambda words, fraction: told.append((words, fraction))):
        written = json.loads((folder / benches.FILE).read_text())
        assert written == bench.to_dict()
    return told


def test_the_plan_holds_every_operation_and_pass():
    bench = planned()
    assert {task.op for task in bench.tasks} == set(ops.names())
    assert {(task.op, task.kind) for task in bench.tasks} == {
        (name, kind)
        for name in ops.names()
        for kind in ("forward", "gradient")
        if kind == "forward" or ops.load(name).wrt
    }
    assert {op: kind for op, kind, _ in bench.phase_subjects} == {
        name: "gradient" if ops.load(name).wrt else "forward" for name in ops.names()
    }
    assert {(sweep.op, sweep.axis) for sweep in bench.sweeps} >= {
        *(("multi_head_batched", axis) for axis in "TBND"),
        *(("train_step", axis) for axis in "TBD"),
    }


def test_a_selection():
    bench = planned("attention", sweeps=False, with_phases=False)
    assert [task.name for task in bench.tasks] == ["attention forward float32", "attention gradient float32"]
    assert (list(bench.sweeps), list(bench.phase_subjects)) == ([], [])
    with pytest.raises(InputError, match="SELECT: got 'atention', expected some of attention"):
        planned("atention")


def test_a_whole_run(tmp_path):
    bench = planned("multi_head_batched")
    told = go(bench, tmp_path)
    written = json.loads((tmp_path / benches.FILE).read_text())
    assert (written["schema"], written["complete"], written["passed"]) == ("parity-bench/1", True, True)
    assert written["selected"] == ["multi_head_batched"]
    assert [one["kind"] for one in written["comparisons"]] == ["forward", "gradient"]
    (row, _) = written["comparisons"][0]["candidates"]
    assert row["share_of_limit"] == pytest.approx(1e6 / 1e10 / 1e-3)
    assert [(row["backend"], row["kind"]) for row in written["phases"]] == [("jax", "gradient"), ("torch", "gradient")]
    assert {one["axis"] for one in written["scaling"]} == set("TBND")
    assert all(len(one["points"]) >= 3 and one["summary"] for one in written["scaling"])
    assert (written["environment"]["load"][0], len(written["environment"]["load"])) == (0.5, 2)
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions)
    assert 0 <= min(fractions) <= max(fractions) <= 1


def test_one_that_could_not_be_timed_fails_the_run(tmp_path, fake, monkeypatch):
    monkeypatch.setattr(fake, "failing", "attention gradient float32")
    bench = planned("attention", with_phases=False)
    go(bench, tmp_path)
    assert (bench.complete, bench.passed) == (True, False)


def test_nothing_is_no_pass():
    assert not benches.Bench(SETTINGS, [], complete=True).passed


@pytest.mark.parametrize("stop_at", [0, 1, 3, 9])
def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path, fake, monkeypatch, stop_at):
    monkeypatch.setattr(fake, "stop_at", stop_at)
    stopped = planned("multi_head_batched")
    stopped.write(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        go(stopped, tmp_path)
    written = json.loads((tmp_path / benches.FILE).read_text())
    assert not written["complete"]
    assert len(written["comparisons"]) == min(stop_at, 2)
    monkeypatch.setattr(fake, "stop_at", 10**9)
    again = planned("multi_head_batched")
    benches.resume(again, tmp_path)
    go(again, tmp_path)
    asked = list(fake.asked)
    whole = planned("multi_head_batched")
    go(whole, _folder(tmp_path / "whole"))
    # Nothing is left out; where two sweeps cross, the point may be measured again after the stop.
    whole_run = fake.asked[len(asked) :]
    assert set(asked) == set(whole_run)
    assert len(whole_run) == len(set(whole_run))
    assert len(asked) <= len(whole_run) + 3
    for key in ("comparisons", "phases", "scaling", "complete", "passed"):
        assert again.to_dict()[key] == whole.to_dict()[key], key


def test_going_on_in_another_dtype_measures_no_point_twice(tmp_path, fake):
    def bfloat16():
        return benches.planned(["multi_head_batched"], ("bfloat16",), SETTINGS, sweeps=True, with_phases=True)

    go(bfloat16(), tmp_path)
    fake.asked.clear()
    again = bfloat16()
    benches.resume(again, tmp_path)
    go(again, tmp_path)
    assert fake.asked == []


def test_going_on_with_nothing_is_a_start(tmp_path):
    bench = planned("attention")
    benches.resume(bench, tmp_path)
    assert bench.comparisons == {}


def test_going_on_with_other_settings_is_refused(tmp_path):
    planned("attention").write(tmp_path)
    bench = benches.planned(["attention"], ("float32",), Settings(threads=1), sweeps=True, with_phases=True)
    with pytest.raises(InputError, match=r"--resume: .* was made with threads = 2, now it is 1"):
        benches.resume(bench, tmp_path)


@pytest.mark.parametrize(
    ("key", "value"), [("processor", "Q"), ("cores", 4), ("jax", {"version": "0.1"}), ("commit", "1234567")]
)
def test_going_on_elsewhere_or_with_other_programs_is_refused(tmp_path, fake, monkeypatch, key, value):
    go(planned("attention"), tmp_path)
    environment = fake.environment(None)
    monkeypatch.setattr(fake, "environment", lambda self: environment | {key: value})
    monkeypatch.setattr(fake, "asked", [])
    again = planned("attention")
    benches.resume(again, tmp_path)
    before = (tmp_path / benches.FILE).read_bytes()
    with pytest.raises(InputError, match=rf"--resume: .*: {key} was .*, now it is {value!r}; leave --resume out"):
        go(again, tmp_path)
    assert fake.asked == []
    assert (tmp_path / benches.FILE).read_bytes() == before


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"schema": "parity-bench/0", "settings": {}}'])
def test_going_on_with_a_damaged_file_is_refused(tmp_path, content):
    Path(tmp_path / benches.FILE).write_text(content)
    with pytest.raises(InputError, match="--resume: "):
        benches.resume(planned("attention"), tmp_path)


def _folder(path):
    path.mkdir()
    return path
