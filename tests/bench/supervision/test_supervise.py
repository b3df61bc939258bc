"""What hangs, dies or takes all memory costs one candidate, not the run. Real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import psutil
import pytest

from parity.bench.settings import Settings
from parity.errors import InputError

pytestmark = pytest.mark.both
X = np.linspace(-2, 2, 15, dtype=np.float32).reshape(3, 5)
SETTINGS = Settings(budget_s=0.5, threads=1)  # long enough for what goes wrong after some calls


@pytest.fixture(scope="module")
def supervisor(tmp_path_factory):
    from parity.bench.supervision.supervise import Supervisor

    with Supervisor(SETTINGS, tmp_path_factory.mktemp("report")) as supervisor:
        yield supervisor


@pytest.fixture
def measured(supervisor):
    """`measured(torch_fn, **settings)`: the comparison, and its rows by name."""
    from parity.bench.supervision.task import Pair, Task

    def run(name, jax="in_jax", **settings):
        before = supervisor.settings
        supervisor.settings = replace(before, **settings)
        try:
            task = Task(
                "pair", "forward", "float32", pair=Pair(f"tests.bench.pairs:{jax}", f"tests.bench.pairs:{name}", (X,))
            )
            comparison = supervisor.measure(task)
        finally:
            supervisor.settings = before
        return comparison, {row["name"]: row for row in comparison["candidates"]}

    return run


def test_the_process_works_through_one_task_after_the_other(supervisor, measured):
    first, _ = measured("in_torch")
    process = supervisor._worker._guard.pid
    second, rows = measured("prints")
    assert supervisor._worker._guard.pid == process
    assert first["message"] == second["message"] == ""
    assert rows["torch"]["status"] == "timed"
    assert "printed by the function" in supervisor.log.read_text()


def test_one_that_dies_is_a_row_and_the_rest_is_measured(measured):
    _, rows = measured("dies_later")
    assert rows["torch"]["status"] == "failed"
    assert rows["torch"]["message"] == "its process ended with exit code 7 in timing"
    assert rows["jax.jit"]["status"] == rows["torch.compile"]["status"] == "timed"


def test_one_that_hangs_is_a_row_and_the_rest_is_measured(measured):
    _, rows = measured("hangs_later", timeout_s=3.0)
    assert rows["torch"]["message"] == "no result after 3 s of timing: its process was ended"
    assert rows["jax.jit"]["status"] == rows["torch.compile"]["status"] == "timed"


def test_one_that_takes_all_memory_is_a_row_and_the_rest_is_measured(supervisor, measured):
    measured("in_torch")
    held = sum(
        process.memory_info().rss for process in psutil.Process(supervisor._worker._guard.pid).children(recursive=True)
    )
    allowed = held + 600 * 2**20
    _, rows = measured("grows_later", memory_bytes=allowed)
    assert rows["torch"]["message"].startswith("out of memory in timing: it took ")
    assert rows["jax.jit"]["status"] == rows["torch.compile"]["status"] == "timed"


def test_a_process_that_is_lost_before_any_candidate_is_the_message_of_the_comparison(measured, monkeypatch):
    from parity.bench.supervision import supervise

    monkeypatch.setattr(supervise, "PARITY_PATIENCE", 0.01)
    comparison, rows = measured("hangs")
    assert comparison["message"] == "no result after 0.6 s of parity: its process was ended"
    assert (rows, comparison["parity"]["passed"]) == ({}, False)


def test_what_there_is_not_is_bad_input(measured):
    with pytest.raises(InputError, match=r"SELECT: tests\.bench\.pairs has no missing"):
        measured("missing")


def test_a_device_that_is_not_there_is_bad_input(tmp_path):
    import torch

    from parity.bench.supervision.supervise import Supervisor

    if torch.cuda.is_available():
        pytest.skip("there is one here")
    with (
        Supervisor(Settings(device="cuda"), tmp_path) as supervisor,
        pytest.raises(InputError, match=r"--device: got 'cuda', but jax sees none .* use device cpu"),
    ):
        supervisor.environment()


def test_the_environment_says_where_it_was(supervisor):
    found = supervisor.environment()
    assert found["cores"] == os.cpu_count()
    assert found["processor"]
    assert len(found["load"]) == 1
    assert found["jax"]["version"]
    assert found["torch"]["threads"] == 1


def test_the_measuring_process_ends_with_the_one_that_watches_it(tmp_path):
    program = f"""
import os, time
from pathlib import Path
from parity.bench.settings import Settings
from parity.bench.supervision.supervise import Supervisor

supervisor = Supervisor(Settings(threads=1), Path({str(tmp_path)!r}))
supervisor.environment()
print(supervisor._worker.call(os.getpid), flush=True)
time.sleep(1000)
"""
    (tmp_path / "watch.py").write_text(program)
    with subprocess.Popen([sys.executable, "watch.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as watcher:
        worker = psutil.Process(int(watcher.stdout.readline()))
        assert worker.is_running()
        watcher.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while worker.is_running() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not worker.is_running()
