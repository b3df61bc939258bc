"""A real run on something tiny, and workers that die, hang, raise or do not prove what they should."""

from __future__ import annotations

import importlib
import time
from pathlib import Path

import pytest

from parity.bench.phases import imports
from parity.bench.phases import run as phases
from parity.bench.phases.run import PhasesTask
from parity.bench.settings import Settings

TINY = {"T": 5, "S": 7, "H": 4, "Hv": 3}
SUBJECTS = [
    ("attention", "forward", "float32"),
    ("train_step", "forward", "float32"),
    ("attention", "gradient", "float64"),
]
KEYS = {"backend", "op", "kind", "dtype", "import_s", "start_s", "cold_s", "warm_s", "first_call_s", "steady_s"}
KEYS |= {"peak_bytes", "message"}

# What the processes call in place of `stages`; what it does instead of measuring stands in FAULT.
FAKE = """
import os, signal, sys, time
from parity.bench.phases import stages

def start(backend, kinds):
    fault("start", backend)
    assert kinds in (["forward"], ["gradient"], ["forward", "gradient"], [])
    print("noise on stdout")
    return 0.25

def attempted(*arguments):
    stages.measured = measured
    return stages.attempted(*arguments)

def measured(stage, backend, device, op, kind, dtype, sizes):
    fault(stage, backend, op)
    hits, misses = (0, 1) if (stage == "cold") != (os.environ["FAULT"] == "unproven") else (1, 0)
    if stage == "peak":
        assert os.environ["MALLOC_TRIM_THRESHOLD_"]
        return {"peak_bytes": 1000}
    assert "MALLOC_TRIM_THRESHOLD_" not in os.environ
    return {"compile_s": 2.0 if stage == "cold" else 1.0, "first_call_s": 0.5, "steady_s": 0.1, "hits": hits, "misses": misses}

def fault(*where):
    faults = dict(reversed(one.split(":")) for one in os.environ["FAULT"].split(";") if ":" in one)
    what = faults.get(" ".join(where), "")
    if what == "raise":
        raise ValueError("what it raised")
    if what == "leave":
        sys.exit(3)
    if what == "exit":
        print("last words", file=sys.stderr, flush=True)
        os._exit(7)
    if what == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "hang":
        child = os.fork()
        if child:
            open(os.environ["PIDS"], "w").write(f"{os.getpid()} {child}")
        time.sleep(600)
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Runs all subjects against the fake worker; gives the rows by (backend, op, kind), and what progress was told."""
    (tmp_path / "fake_stages.py").write_text(FAKE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PIDS", str(tmp_path / "pids"))
    for name in ("start", "attempted"):
        monkeypatch.setattr(phases.stages, name, getattr(importlib.import_module("fake_stages"), name))
    monkeypatch.setattr(imports, "_IMPORT", "print(0.125)  # {}")

    def run(fault, subjects=SUBJECTS, **settings):
        monkeypatch.setenv("FAULT", fault)
        said = []
        tasks = [PhasesTask(backend, *subject) for backend in ("jax", "torch") for subject in subjects]
        named = dict(phases.run(tasks, Settings(threads=1, **settings), said.append, tmp_path))
        assert set(named) == {task.name for task in tasks}
        rows = list(named.values())
        assert [path.name for path in tmp_path.glob("parity-phases-*")] == []
        assert all(set(row) == KEYS for row in rows)
        found = {(row["backend"], row["op"], row["kind"]): row for row in rows}
        assert len(found) == len(rows) == 2 * len(subjects)
        return found, said

    return run


GOOD = {
    "import_s": 0.125,
    "start_s": 0.25,
    "cold_s": 2.0,
    "warm_s": 1.0,
    "first_call_s": 0.5,
    "steady_s": 0.1,
    "peak_bytes": 1000,
    "message": "",
}


def values(row):
    return {name: row[name] for name in GOOD}


def others(rows, *lost):
    return [values(row) for key, row in rows.items() if key not in lost]


def test_every_phase_of_every_subject(fake):
    rows, said = fake("")
    assert others(rows) == [GOOD] * 6
    assert said[:2] == ["jax: import 1 of 3", "torch: import 1 of 3"]
    assert said[6:8] == ["jax, empty cache: start of the compiler", "jax, empty cache: attention forward float32"]
    assert len(said) == 6 + 2 * 3 * (1 + 3)


FAULTS = {
    "raise": "ValueError: what it raised",
    "leave": "SystemExit: 3",
    "exit": "its process ended with exit code 7: last words",
    "die": "its process was killed by SIGSEGV",
}
# Stage → what is known of a subject that is lost in it.
KNOWN = {
    "cold": ("empty cache", {}),
    "warm": ("filled cache", {"cold_s": 2.0, "first_call_s": 0.5, "steady_s": 0.1}),
    "peak": ("memory", {"cold_s": 2.0, "warm_s": 1.0, "first_call_s": 0.5, "steady_s": 0.1}),
}


def test_a_failure_costs_one_subject(fake):
    pairs = [(stage, fault) for stage in KNOWN for fault in FAULTS]
    subjects = [(name, "forward", "float32") for name in ("first", *(f"{s}-{f}" for s, f in pairs), "last")]
    rows, _ = fake(";".join(f"{fault}:{stage} torch {stage}-{fault}" for stage, fault in pairs), subjects)
    lost = [("torch", f"{stage}-{fault}", "forward") for stage, fault in pairs]
    assert others(rows, *lost) == [GOOD] * (14 + 2)
    for (stage, fault), key in zip(pairs, lost, strict=True):
        where, known = KNOWN[stage]
        message = f"{where}: {FAULTS[fault]}"
        blank = dict.fromkeys(GOOD) | {"import_s": 0.125, "start_s": 0.25, "message": message}
        found = values(rows[key])
        # After what was raised comes the place.
        assert found | {"message": found["message"][: len(message)]} == blank | known


STEP = ("torch", "train_step", "forward")


def test_a_hang_is_ended_with_all_that_it_started(fake, tmp_path):
    started = time.monotonic()
    rows, _ = fake("hang:warm torch train_step", timeout_s=1.0)
    assert others(rows, STEP) == [GOOD] * 5
    assert rows[STEP]["message"] == "filled cache: no result after 5 s: its process was ended"
    assert time.monotonic() - started < 60
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 2
    for pid in pids:
        assert not is_running(pid)


def is_running(pid):
    """A process that nobody has asked about its end is still listed, as a zombie."""
    for _ in range(50):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return False
        except OSError:
            return False
        time.sleep(0.02)
    return True


def test_a_framework_that_does_not_start(fake):
    rows, said = fake("raise:start torch")
    for key, row in rows.items():
        if key[0] == "jax":
            assert values(row) == GOOD
        else:
            assert row["message"].startswith("empty cache: start of the compiler: ValueError: what it raised")
            assert (row["import_s"], row["start_s"], row["cold_s"]) == (0.125, None, None)
    assert [words for words in said if words.startswith("torch, ")] == ["torch, empty cache: start of the compiler"]


def test_what_the_cache_does_not_show_is_not_told(fake):
    rows, _ = fake("unproven")
    for row in rows.values():
        assert (row["cold_s"], row["warm_s"]) == (None, None)
        assert row["message"] == (
            "cold_s: not shown to be cold, 1 hits and 0 misses of the cache on disk; "
            "warm_s: not shown to be warm, 0 hits and 1 misses of the cache on disk"
        )
        assert (row["steady_s"], row["peak_bytes"]) == (0.1, 1000)


def test_the_peak_of_a_gpu_is_not_told(fake):
    rows, _ = fake("", device="cuda")
    words = "peak_bytes is measured on the CPU and on Linux only"
    assert others(rows) == [GOOD | {"peak_bytes": None, "message": words}] * 6


@pytest.mark.both
def test_a_real_run(tmp_path, monkeypatch):
    users = {name: tmp_path / name for name in ("JAX_COMPILATION_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR")}
    for name, folder in users.items():
        folder.mkdir()
        monkeypatch.setenv(name, str(folder))
    tasks = [
        PhasesTask(backend, op, "forward", "float32", sizes)
        for backend in ("jax", "torch")
        for op, sizes in (("attention", TINY), ("no_such_op", None))
    ]
    rows = [row for _, row in phases.run(tasks, Settings(threads=1), lambda message: None, tmp_path)]
    assert set(tmp_path.rglob("*")) == set(users.values())
    found = {(row["backend"], row["op"]): row for row in rows}
    assert len(rows) == 4
    for backend in ("jax", "torch"):
        row = found[backend, "attention"]
        assert row["message"] == ""
        for name in ("import_s", "start_s", "cold_s", "warm_s", "first_call_s", "steady_s"):
            assert row[name] > 0, (backend, name)
        assert row["cold_s"] > row["steady_s"]
        assert 0 <= row["peak_bytes"] < 1e8
        missing = found[backend, "no_such_op"]
        assert missing["message"].startswith("empty cache: InputError: ")
        assert missing["cold_s"] is None


def test_one_framework_alone(fake, monkeypatch, tmp_path):
    """Of a resumed run that lacks the other one: nothing of the first is measured again."""
    monkeypatch.setenv("FAULT", "")
    said = []
    tasks = [PhasesTask("torch", *subject) for subject in SUBJECTS]
    rows = [row for _, row in phases.run(tasks, Settings(threads=1), said.append, tmp_path)]
    assert [(row["backend"], values(row)) for row in rows] == [("torch", GOOD)] * 3
    assert not [message for message in said if message.startswith("jax")]


def test_without_tasks_nothing_is_started():
    said = []
    assert list(phases.run([], Settings(threads=1), said.append)) == []
    assert said == []
