"""What a run measures, what is saved when it is stopped, and how it goes on. The measuring process is a fake."""

from __future__ import annotations

import json

import pytest

from parity.bench import plan
from parity.bench import run as benches
from parity.bench.results import CandidateResult, Comparison
from parity.bench.settings import Settings
from parity.errors import InputError

pytestmark = pytest.mark.both
SETTINGS = Settings(threads=2)
SECONDS = {"median": 1e-3, "q1": 9e-4, "q3": 1.1e-3, "least": 8e-4, "error": 0.01}
RATIO = {"value": 1.2, "low": 1.1, "high": 1.3}


def comparison(task):
    rows = tuple(
        CandidateResult(
            name, backend, "compiled", "timed", seconds=SECONDS, ratio=RATIO, normalized=RATIO, verdict="SLOWER"
        )
        for name, backend in (("jax.jit", "jax"), ("torch.compile", "torch"))
    )
    judged = {"passed": True, "verdict": "ROUNDING", "message": ""}
    cost = {"flops": 1e6, "bytes": 1e3}
    control = {"of": "jax.jit", "ratio": RATIO}
    sizes = dict(task.sizes or {})
    return Comparison(
        task.op, task.kind, task.dtype, sizes, "jax.jit", judged, "", rows, control, cost, 8, 1.0, "budget"
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
        self.asked.append(task.name)
        self.progress("timing", "torch")
        found = comparison(task).to_dict()
        return found | {"message": "it is broken"} if task.name == self.failing else found


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr(benches, "Supervisor", Fake)
    monkeypatch.setattr(Fake, "asked", [])

    def rows(tasks, settings, progress, folder=None):
        for task in tasks:
            if len(Fake.asked) == Fake.stop_at:
                raise KeyboardInterrupt
            Fake.asked.append(task.name)
            yield task.name, {"backend": task.backend, "op": task.op, "kind": task.kind, "dtype": task.dtype}

    monkeypatch.setattr(benches.phases, "run", rows)
    return Fake


def planned(*names, **options):
    return plan.planned(names, ("float32",), SETTINGS, **{"sweeps": True, "with_phases": True, **options})


def go(bench, folder):
    told = []
    for _ in benches.run(bench, folder, lambda words, fraction: told.append((words, fraction))):
        written = json.loads((folder / plan.FILE).read_text())
        assert written == bench.to_dict()
    return told


def test_a_whole_run(tmp_path):
    bench = planned("multi_head_batched")
    told = go(bench, tmp_path)
    written = json.loads((tmp_path / plan.FILE).read_text())
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


@pytest.mark.parametrize("stop_at", [0, 1, 3, 9, 14])
def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path, fake, monkeypatch, stop_at):
    monkeypatch.setattr(fake, "stop_at", stop_at)
    stopped = planned("multi_head_batched")
    stopped.write(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        go(stopped, tmp_path)
    written = json.loads((tmp_path / plan.FILE).read_text())
    assert not written["complete"]
    assert len(written["comparisons"]) == min(stop_at, 2)
    monkeypatch.setattr(fake, "stop_at", 10**9)
    again = planned("multi_head_batched")
    again.resume(tmp_path)
    go(again, tmp_path)
    asked = list(fake.asked)
    whole = planned("multi_head_batched")
    go(whole, _folder(tmp_path / "whole"))
    # Nothing is left out, and nothing is measured twice.
    assert asked == fake.asked[len(asked) :]
    assert len(asked) == len(set(asked))
    for key in ("comparisons", "phases", "scaling", "complete", "passed"):
        assert again.to_dict()[key] == whole.to_dict()[key], key


def test_going_on_in_another_dtype_measures_no_point_twice(tmp_path, fake):
    def bfloat16():
        return plan.planned(["multi_head_batched"], ("bfloat16",), SETTINGS, sweeps=True, with_phases=True)

    go(bfloat16(), tmp_path)
    fake.asked.clear()
    again = bfloat16()
    again.resume(tmp_path)
    go(again, tmp_path)
    assert fake.asked == []


def test_where_two_sweeps_cross_one_task_is_measured_once(tmp_path, fake):
    bench = planned("multi_head_batched", with_phases=False)
    go(bench, tmp_path)
    points = [
        (one["kind"], one["axis"], point["size"]) for one in bench.to_dict()["scaling"] for point in one["points"]
    ]
    # T = 128, B = 2, N = 4 and D = 64 are one point of each of the two kinds.
    assert len(points) == 2 * (5 + 3 + 3 + 3)
    assert len(fake.asked) == 2 + len(points) - 2 * 3
    crossing = [p for one in bench.to_dict()["scaling"] for p in one["points"]]
    assert {p["size"] for p in crossing if p["size"] in (128, 2, 4, 64)} == {128, 2, 4, 64}


@pytest.mark.parametrize("lost", ["limits", "comparisons", "scaling", "phases"])
def test_only_what_bench_json_lacks_is_measured(tmp_path, fake, lost):
    go(planned("attention", "train_step"), tmp_path)
    written = json.loads((tmp_path / plan.FILE).read_text())
    written[lost] = {} if lost == "limits" else written[lost][1:]
    (tmp_path / plan.FILE).write_text(json.dumps(written))
    again = planned("attention", "train_step")
    again.resume(tmp_path)
    missing = list(again.missing)
    expected = {
        "limits": ["limits float32"],
        "comparisons": ["attention forward float32"],
        "scaling": [again.sweeps[0].task(size).name for size in again.sweeps[0].sizes],
        "phases": ["phases attention gradient float32 jax"],
    }[lost]
    # The point where it crosses the others is known from them.
    assert set(missing) <= set(expected)
    assert len(missing) >= len(expected) - (lost == "scaling")
    fake.asked.clear()
    go(again, tmp_path)
    assert fake.asked == [name for name in missing if lost != "limits"]
    assert again.complete


@pytest.mark.parametrize(
    ("key", "value"), [("processor", "Q"), ("cores", 4), ("jax", {"version": "0.1"}), ("commit", "1234567")]
)
def test_going_on_elsewhere_or_with_other_programs_is_refused(tmp_path, fake, monkeypatch, key, value):
    go(planned("attention"), tmp_path)
    environment = fake.environment(None)
    monkeypatch.setattr(fake, "environment", lambda self: environment | {key: value})
    monkeypatch.setattr(fake, "asked", [])
    again = planned("attention")
    again.resume(tmp_path)
    before = (tmp_path / plan.FILE).read_bytes()
    with pytest.raises(InputError, match=rf"--resume: .*: {key} was .*, now it is {value!r}; leave --resume out"):
        go(again, tmp_path)
    assert fake.asked == []
    assert (tmp_path / plan.FILE).read_bytes() == before


def _folder(path):
    path.mkdir()
    return path
