"""Work spread over devices and processes: the same as on one device, clean ends, and no hang when a worker dies."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import signal
import socket
import threading
import time

import numpy as np
import optree
import psutil
import pytest

from parity import ops
from parity.data.tree import nested
from parity.execution import backends
from parity.judge.finding import Verdict
from parity.processes import ranks
from parity.processes.ranks import run_ranks
from parity.processes.worker import WorkerError
from parity.transforms.compared import compared
from parity.transforms.devices import cases, judge

FAULTY = {"shard_map", "DDP", "FSDP2", "heads shard_map", "heads NamedSharding", "heads all_gather"}
JOBS = {"jax": ("devices", "processes"), "torch": ("processes",)}
measured = functools.cache(judge.measured)  # each set of workers runs once for all tests


def one_device(*backends):
    return {backend: (measured(backend, JOBS[backend][0]).ranks or [{}])[0] for backend in backends}


def judged(cell, fault="", backends=None):
    return judge.judged(cell, measured(cell.backend, cell.job, fault), one_device(*(backends or [cell.backend])))


class TestCells:
    def test_as_on_one_device(self, backend):
        outcomes = [judged(cell) for cell in cases.CELLS if cell.backend == backend]
        assert [(outcome.cell, outcome.message) for outcome in outcomes if not outcome.verdict.passes] == []
        assert len(outcomes) >= 4

    def test_every_worker_gave_every_cell(self, backend):
        for kind in JOBS[backend]:
            job = measured(backend, kind)
            assert job.problem == ""
            assert len(job.ranks) == (2 if kind == "processes" else 1)
            for cell in (cell for cell in cases.CELLS if (cell.backend, cell.job) == (backend, kind)):
                for results in job.ranks:
                    leaves = cases.of_cell(results, cell.name)
                    assert all(leaf.dtype == np.float64 for leaf in leaves.values())
                    assert (
                        {"loss", "params/head/bias"} <= set(leaves)
                        or {"out", "grad/query"} <= set(leaves)
                        or ({"out", "grad/0", "grad/1/query"} <= set(leaves))
                    )

    def test_one_device_is_the_reference(self, backend):
        results, inputs = one_device(backend)[backend], nested(cases.inputs())
        params, loss = ops.load("train_step").reference(**inputs["train_step"])
        expected = cases.by_name({"one device/train_step": (params, loss)}, np.asarray)
        assert compared(cases.of_cell(results, "one device"), {}).verdict is Verdict.STRUCTURE
        actual = {name: leaf for name, leaf in results.items() if name.startswith("one device/train_step")}
        assert compared(actual, expected, "train step").verdict.passes

        heads = inputs["heads"]
        out = ops.load("multi_head_batched").reference(heads["query"], heads["key"], heads["value"], cases.NUM_HEADS)
        assert compared({"out": results["one device/heads/out"]}, {"out": out}, "attention").verdict.passes

    @pytest.mark.both
    def test_as_in_the_other_framework(self):
        outcomes = [judged(cell, backends=("jax", "torch")) for cell in cases.CELLS]
        assert [(outcome.cell, outcome.message) for outcome in outcomes if not outcome.verdict.passes] == []
        assert {outcome.op for outcome in outcomes} == {"train_step", "multi_head_batched"}

    @pytest.mark.both
    def test_another_function_in_the_other_framework_is_seen(self):
        alone = one_device("jax", "torch")
        alone["torch"] = {name: np.asarray(leaf * (1 + 1e-9)) for name, leaf in alone["torch"].items()}
        cell = cases.CELLS[0]
        outcome = judge.judged(cell, measured("jax", cell.job), alone)
        assert (outcome.verdict, outcome.side) == (Verdict.SEMANTIC, None)
        assert "jax = torch on one device" in outcome.message

    @pytest.mark.both
    def test_run_yields_every_cell_as_its_workers_are_done(self, monkeypatch):
        monkeypatch.setattr(judge, "measured", measured)
        said = []
        outcomes = list(judge.run(lambda words, fraction: said.append((words, fraction))))
        assert {outcome.cell for outcome in outcomes} == {cell.name for cell in cases.CELLS}
        assert all(outcome.verdict.passes for outcome in outcomes)
        assert [words for words, _ in said] == ["torch: processes", "jax: devices", "jax: processes"]
        assert [fraction for _, fraction in said] == sorted(fraction for _, fraction in said)


class TestFaults:
    """Sums where means are due, queries of the next head."""

    def test_they_are_seen_and_nothing_else(self, backend):
        here = [cell for cell in cases.CELLS if (cell.backend, cell.job) == (backend, JOBS[backend][0])]
        outcomes = [judged(cell, "sum+heads") for cell in here]
        faulty = [outcome for outcome in outcomes if outcome.cell in FAULTY]
        assert len(faulty) >= 3
        assert {(outcome.verdict, outcome.side) for outcome in faulty} == {(Verdict.SEMANTIC, backend)}
        assert min(outcome.error for outcome in faulty) > 0.1
        assert all(outcome.verdict.passes for outcome in outcomes if outcome.cell not in FAULTY)

    def test_a_part_of_the_batch_alone_is_another_step(self):
        # Else no communication at all would pass.
        train = nested(cases.inputs())["train_step"]
        whole, _ = ops.load("train_step").reference(**train)
        for devices in (cases.DEVICES, cases.PROCESSES):
            part = len(train["y"]) // devices
            some, _ = ops.load("train_step").reference(train["params"], train["x"][:part], train["y"][:part])
            for one, other in zip(optree.tree_leaves(some), optree.tree_leaves(whole), strict=True):
                assert np.abs(one - other).max() > 1e-3 * np.abs(other).max()

    def test_workers_that_fail_are_an_error_of_their_side(self, backend):
        cell = next(cell for cell in cases.CELLS if cell.backend == backend)
        outcome = judge.judged(cell, judge.Job(problem="worker 1 of 2 was killed by SIGKILL"), one_device(backend))
        assert (outcome.verdict, outcome.side) == (Verdict.ERROR, backend)
        assert "SIGKILL" in outcome.message

    def test_a_framework_without_results_is_an_error(self, backend):
        cell = next(cell for cell in cases.CELLS if cell.backend == backend)
        outcome = judge.judged(cell, measured(backend, cell.job), one_device(backend) | {"other": {}})
        assert (outcome.verdict, outcome.side) == (Verdict.ERROR, "other")


class TestRealWorkers:
    def test_a_killed_one_is_named_at_once_and_the_others_end(self, backend, tmp_path):
        killer = threading.Thread(target=kill_once_all_have_started, args=(tmp_path,))
        killer.start()
        with pytest.raises(WorkerError, match=r"^rank 1 of 2 \(.*test_devices\): .* was killed by SIGKILL") as error:
            run_ranks(keep_stepping, 2, tmp_path, (backend,), judge.ENVIRONMENT, 120)
        ended = time.time()
        killer.join()
        assert error.value.exit_code == -signal.SIGKILL
        assert ended - (tmp_path / "killed").stat().st_mtime < 30
        assert not any(psutil.pid_exists(pid) for pid in pids(tmp_path))

    def test_they_end_cleanly_each_time(self, backend, tmp_path):
        for turn in range(3):
            folder = tmp_path / str(turn)
            folder.mkdir()
            assert run_ranks(only_join, 2, folder, (backend,), judge.ENVIRONMENT, 100) == [0, 1]

    @pytest.mark.both  # JAX alone: torch's workers meet in a file
    def test_a_port_that_jax_finds_taken_is_known_as_such(self, tmp_path, monkeypatch):
        with socket.socket() as busy:
            busy.bind(("127.0.0.1", 0))
            busy.listen()
            taken = [busy.getsockname()[1], ranks.free_port()]
            monkeypatch.setattr(ranks, "free_port", lambda: taken.pop(0))
            assert run_ranks(only_join, 2, tmp_path, ("jax",), judge.ENVIRONMENT, 100) == [0, 1]
            assert taken == []


# Functions that a worker imports by name.


def only_join(rank, backend):
    with importlib.import_module(f"parity.transforms.devices.{backend}_worker").joined(rank):
        return rank.rank


def keep_stepping(rank, backend):
    worker = importlib.import_module(f"parity.transforms.devices.{backend}_worker")
    with worker.joined(rank), backends.get(backend).settings("float64"):
        inputs = cases.inputs()
        if backend == "torch":
            inputs = {name: backends.get("torch").from_numpy(array) for name, array in inputs.items()}
        while True:
            worker.spread(nested(inputs), "", *([" 2 processes"] if backend == "jax" else []))
            (rank.folder / f"started-{rank.rank}").write_text(str(os.getpid()))


def pids(folder):
    return [int((folder / f"started-{rank}").read_text()) for rank in range(2)]


def kill_once_all_have_started(folder):
    end = time.monotonic() + 110
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError):
            os.kill(pids(folder)[1], signal.SIGKILL)
            return (folder / "killed").touch()
        time.sleep(0.05)
    return None
