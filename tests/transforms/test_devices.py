"""Work spread over devices and processes: the same as on one device, clean ends, and no hang when a worker dies."""

from __future__ import annotations

import functools
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time

import numpy as np
import optree
import pytest

from parity import ops
from parity.judge.finding import Verdict
from parity.transforms.compared import compared
from parity.transforms.devices import cases, judge
from parity.transforms.workers import launch, worker
from parity.transforms.workers.launch import WorkerError, Workers

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
        results, inputs = one_device(backend)[backend], worker.nested(cases.inputs())
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
        alone["torch"] = {name: leaf * (1 + 1e-9) for name, leaf in alone["torch"].items()}
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
        train = worker.nested(cases.inputs())["train_step"]
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
    @pytest.fixture
    def folder(self, tmp_path):
        worker.write_whole(tmp_path / "inputs.npz", cases.inputs())
        return tmp_path

    def test_a_killed_one_is_named_at_once_and_the_others_end(self, backend, folder):
        with Workers(f"{judge.__package__}.{backend}_worker", 2, folder, ["steps=1000000"]) as workers:
            wait_for(folder / "started-0", folder / "started-1")
            assert [process.poll() for process in workers.processes] == [None, None]
            killed = time.monotonic()
            os.kill(workers.processes[1].pid, signal.SIGKILL)
            with pytest.raises(
                WorkerError, match=rf"^worker 1 of 2 \(.*{backend}_worker\) was killed by SIGKILL"
            ) as error:
                workers.wait(30)
            assert time.monotonic() - killed < 30
            assert (error.value.rank, error.value.exit_code) == (1, -signal.SIGKILL)
            assert None not in [process.poll() for process in workers.processes]

    def test_they_end_cleanly_each_time(self, backend, folder):
        # Without barrier, destroy_process_group and os._exit, three of ten torch runs ended in SIGABRT.
        for turn in range(3):
            here = folder / str(turn)
            here.mkdir()
            worker.write_whole(here / "inputs.npz", cases.inputs())
            with Workers(f"{judge.__package__}.{backend}_worker", 2, here, ["steps=1"]) as workers:
                workers.wait(100)
                assert [process.returncode for process in workers.processes] == [0, 0]

    @pytest.mark.both  # JAX alone: torch's workers meet in a file
    def test_a_port_that_jax_finds_taken_is_known_as_such(self, folder, monkeypatch):
        with socket.socket() as busy:
            busy.bind(("127.0.0.1", 0))
            busy.listen()
            monkeypatch.setattr(launch, "free_port", lambda: busy.getsockname()[1])
            with Workers("parity.transforms.devices.jax_worker", 2, folder) as workers:
                with pytest.raises(WorkerError) as error:
                    workers.wait(60)
                assert error.value.is_port_clash


class TestLauncher:
    """With small workers that need no framework."""

    @pytest.fixture
    def start(self, tmp_path):
        def start(body, count=2, options=()):
            source = (
                f"import os, signal, sys, time\ndef work(place):\n{textwrap.indent(textwrap.dedent(body), '    ')}\n"
            )
            ending = "from parity.transforms.workers.worker import run_worker\nrun_worker(work)\n"
            (tmp_path / "small_worker.py").write_text(source + ending)
            return "small_worker", count, tmp_path, options, {"PYTHONPATH": str(tmp_path)}

        return start

    def test_what_they_write_is_there_whole(self, start, tmp_path):
        launch.launch(*start("import numpy as np\nplace.write({'a/b': np.arange(3.0) + place.rank})"))
        for rank in range(2):
            found = worker.read_whole(worker.result_path(tmp_path, rank))
            np.testing.assert_array_equal(worker.nested(found)["a"]["b"], np.arange(3.0) + rank)
        assert not list(tmp_path.glob("*.partial"))

    def test_a_result_that_is_cut_off_is_never_seen(self, tmp_path, monkeypatch):
        def cut_off(file, **arrays):
            file.write(b"half")
            raise OSError("disk full")

        worker.write_whole(tmp_path / "result.npz", {"a": np.ones(2)})
        monkeypatch.setattr(np, "savez", cut_off)
        with pytest.raises(OSError, match="disk full"):
            worker.write_whole(tmp_path / "result.npz", {"a": np.zeros(2)})
        np.testing.assert_array_equal(worker.read_whole(tmp_path / "result.npz")["a"], np.ones(2))

    def test_the_last_line_of_a_traceback_is_shown(self, start):
        body = "if place.rank == 1:\n    raise ValueError('no such head\\nsecond line')\ntime.sleep(600)"
        with Workers(*start(body)) as workers:
            with pytest.raises(
                WorkerError, match=r"worker 1 of 2 \(small_worker\) failed with exit code 1: ValueError: no su"
            ):
                workers.wait(30)
            assert workers.processes[0].returncode == -signal.SIGKILL

    @pytest.mark.parametrize("rank", [0, 1])
    def test_a_signal_is_the_reason_before_the_error_of_a_peer(self, start, monkeypatch, rank):
        monkeypatch.setattr(launch, "POLL_S", 2.0)  # both are seen at once
        body = f"if place.rank == {rank}:\n    os.kill(os.getpid(), signal.SIGTERM)\nraise RuntimeError('lost my peer')"
        with Workers(*start(body)) as workers, pytest.raises(WorkerError, match=rf"worker {rank} of 2 .* by SIGTERM"):
            workers.wait(30)

    def test_an_end_without_a_traceback(self, start):
        words = r"^worker 0 of 1 \(small_worker\) failed with exit code 7; .*\n  nearly$"
        with Workers(*start("print('nearly', flush=True)\nos._exit(7)", 1)) as workers:
            with pytest.raises(WorkerError, match=words):
                workers.wait(30)
            assert workers.processes[0].returncode == 7

    def test_one_that_hangs_is_ended(self, start):
        started = time.monotonic()
        with Workers(*start("if place.rank == 0:\n    time.sleep(600)")) as workers:
            with pytest.raises(
                WorkerError, match=r"worker 0 of 2 .* was still running after 2 s; all workers were killed"
            ):
                workers.wait(2)
            assert time.monotonic() - started < 15
            assert workers.processes[0].returncode == -signal.SIGKILL

    def test_much_output_blocks_nobody(self, start):
        launch.launch(*start("sys.stderr.write('x' * 3_000_000)\nsys.stdout.write('y' * 3_000_000)"), timeout_s=60)

    def test_an_interrupt_ends_them(self, start, monkeypatch):
        def interrupt(seconds):
            raise KeyboardInterrupt

        with Workers(*start("time.sleep(600)")) as workers:
            monkeypatch.setattr(launch.time, "sleep", interrupt)
            with pytest.raises(KeyboardInterrupt), workers:
                workers.wait(30)
        assert [process.returncode for process in workers.processes] == [-signal.SIGKILL] * 2

    def test_they_end_with_a_launcher_that_is_killed(self, start, tmp_path):
        module, count, folder, _, environment = start("place.mark_started()\ntime.sleep(600)")
        code = (
            "from pathlib import Path\nfrom parity.transforms.workers.launch import Workers\n"
            f"with Workers({module!r}, {count}, Path({str(folder)!r}), (), {environment!r}) as workers:\n"
            "    print(*[process.pid for process in workers.processes], flush=True)\n    workers.wait(600)\n"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as launcher:
            pids = [int(pid) for pid in launcher.stdout.readline().split()]
            wait_for(tmp_path / "started-0", tmp_path / "started-1")
            launcher.kill()
        assert len(pids) == 2
        end = time.monotonic() + 20
        while any(map(is_running, pids)):
            assert time.monotonic() < end, "a worker outlived its launcher"
            time.sleep(0.05)

    def test_a_port_that_is_taken_is_followed_by_another(self, start, monkeypatch):
        body = "import socket\nhost, port = place.address.split(':')\nsocket.socket().bind((host, int(port)))"
        with socket.socket() as busy:
            busy.bind(("127.0.0.1", 0))
            ports = [busy.getsockname()[1]] * 2 + [launch.free_port()]
            monkeypatch.setattr(launch, "free_port", lambda: ports.pop(0))
            launch.launch(*start(body, 1))
            assert ports == []

            tries = []
            monkeypatch.setattr(launch, "free_port", lambda: tries.append(1) or busy.getsockname()[1])
            with pytest.raises(WorkerError, match="Address already in use"):
                launch.launch(*start(body, 1))
            assert len(tries) == launch.PORT_TRIES

    def test_options_reach_the_workers(self, start):
        body = "assert place.option('fault') == 'a=b', place\nassert place.option('steps', '0') == '0'"
        launch.launch(*start(body, 1, ["fault=a=b"]))


def wait_for(*paths):
    end = time.monotonic() + 90
    while not all(path.exists() for path in paths):
        assert time.monotonic() < end, f"{paths} did not appear"
        time.sleep(0.05)


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # An orphan that has ended and that nobody has waited for yet.
    return (
        subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()[:1] != "Z"
    )
