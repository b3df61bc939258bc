"""Tasks in processes of their own: results, progress, errors, and nobody left behind."""

from __future__ import annotations

import multiprocessing
import os
import time

import psutil
import pytest

from parity.processes.pool import default_processes, run_tasks
from parity.processes.worker import WorkerError

# Functions that a worker imports by name.


def square(name, number, progress):
    progress(name, "half way", 0.5)
    time.sleep(0.3)
    return number**2, os.getpid()


def fails(name, number, progress):
    if number == 1:
        raise ValueError(f"task {name} went wrong")
    time.sleep(60)


def dies(name, number, progress):
    if number == 1:
        os._exit(7)
    time.sleep(60)


def unpicklable(name, number, progress):
    return lambda: number


TASKS = [(f"task {number}", (number,)) for number in range(4)]


def descendants():
    return set(psutil.Process().children(recursive=True))


class TestOneProcess:
    @pytest.mark.parametrize(("tasks", "processes"), [(TASKS, 1), (TASKS[3:], 2), ([], 2)])
    def test_in_this_process_and_in_order(self, tasks, processes):
        told = []
        found = list(run_tasks(square, tasks, processes, lambda *words: told.append(words)))
        assert found == [(name, (number**2, os.getpid())) for name, (number,) in tasks]
        assert told == [(name, "half way", 0.5) for name, _ in tasks]

    def test_one_after_the_other(self):
        results = run_tasks(square, TASKS, 1, lambda *_: None)
        assert next(results)[0] == "task 0"
        results.close()

    def test_an_exception(self):
        with pytest.raises(ValueError, match="task task 1 went wrong"):
            list(run_tasks(fails, TASKS[1:], 1, lambda *_: None))


class TestTwoProcesses:
    def test_results_and_progress(self):
        told = []
        found = dict(run_tasks(square, TASKS, 2, lambda *words: told.append(words)))
        assert {name: value for name, (value, _) in found.items()} == {f"task {n}": n**2 for n in range(4)}
        pids = {pid for _, pid in found.values()}
        assert len(pids) <= 2
        assert os.getpid() not in pids
        assert set(told) <= {(name, "half way", 0.5) for name, _ in TASKS}
        assert told
        assert not [process for process in descendants() if "parity" in " ".join(process.cmdline())]

    def test_an_exception_reaches_the_caller_and_ends_the_others(self):
        start = time.monotonic()
        with pytest.raises(ValueError, match="task task 1 went wrong"):
            list(run_tasks(fails, TASKS, 2, lambda *_: None))
        assert time.monotonic() - start < 30
        assert not [process for process in descendants() if "parity" in " ".join(process.cmdline())]

    def test_a_worker_that_dies_is_an_error_and_no_hang(self):
        start = time.monotonic()
        with pytest.raises(WorkerError, match="its process ended with exit code 7"):
            list(run_tasks(dies, TASKS, 2, lambda *_: None))
        assert time.monotonic() - start < 30
        assert not [process for process in descendants() if "parity" in " ".join(process.cmdline())]

    def test_a_result_that_cannot_be_sent_is_an_error(self):
        with pytest.raises(Exception, match=r"(?i)pickle"):
            list(run_tasks(unpicklable, TASKS, 2, lambda *_: None))
        assert not [process for process in descendants() if "parity" in " ".join(process.cmdline())]

    def test_a_caller_who_stops_early_ends_them_and_nobody_else(self):
        stranger = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
        stranger.start()
        before = {process.pid for process in descendants()}
        try:
            results = run_tasks(square, TASKS, 2, lambda *_: None)
            next(results)
            assert {process.pid for process in descendants()} > before
            results.close()
            assert {process.pid for process in descendants()} == before
            assert stranger.is_alive()
        finally:
            stranger.terminate()
            stranger.join()


def test_default():
    assert 1 <= default_processes() <= 2
