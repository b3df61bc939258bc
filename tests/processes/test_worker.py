"""A worker's results, how it is lost, and that nobody is left behind, whatever happens to its parent. Real processes."""

from __future__ import annotations

import ctypes
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from parity.processes import child
from parity.processes.watch import Limits
from parity.processes.worker import Worker, WorkerError

ROOT = Path(__file__).parents[2]
WITHIN_S = 5.0

# Functions that a worker imports by name.


def raises(message):
    raise KeyError(message)


class Unpicklable(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


def raises_unpicklable():
    raise Unpicklable("no", "way")


def function_of_nobody():
    return lambda: None


def hangs(stage, in_c=False):
    child.beat(stage, "candidate")
    # PyDLL keeps the interpreter's lock: nothing of Python's runs in that process any more.
    (ctypes.PyDLL if in_c else ctypes.CDLL)(None).sleep(600)


def prints_and_dies(number):
    child.beat("timing", "torch")
    print("first\nlast words", flush=True)
    os.kill(os.getpid(), number)


def prints_and_exits(code):
    print("last words", flush=True)
    os._exit(code)


def takes(megabytes, in_a_child):
    child.beat("timing")
    if in_a_child:
        code = f"import time; kept = bytearray({megabytes} * 2**20); kept[::4096] = b'x' * len(kept[::4096]); time.sleep(600)"
        subprocess.run([sys.executable, "-c", code])
    kept = np.ones(megabytes * 2**17)
    time.sleep(600)
    return kept


def starts_others():
    """A child, a grandchild in a session of its own, and one whose parent has ended."""
    sleeping = [sys.executable, "-c", "import time; time.sleep(600)"]
    forgetting = f"import subprocess; subprocess.Popen({sleeping!r}, start_new_session=True)"
    subprocess.Popen(sleeping)
    subprocess.Popen([sys.executable, "-c", f"{forgetting}.wait()"])
    subprocess.run([sys.executable, "-c", forgetting])
    time.sleep(1)
    return os.getpid()


@pytest.fixture
def worker(tmp_path):
    before = psutil.Process().children(recursive=True)
    with Worker(log=tmp_path / "log") as worker:
        yield worker
    assert psutil.Process().children(recursive=True) == before


class TestCalls:
    def test_one_after_the_other_in_one_process(self, worker):
        assert worker.call(math.sqrt, 4.0) == 2.0
        first = worker.call(os.getpid)
        assert first == worker.call(os.getpid) != os.getpid()

    def test_what_it_raises_is_raised_here_and_the_process_goes_on(self, worker):
        with pytest.raises(KeyError, match="mine") as error:
            worker.call(raises, "mine")
        assert "in raises" in error.value.__notes__[0]
        assert worker.call(math.sqrt, 4.0) == 2.0

    @pytest.mark.parametrize(
        ("function", "arguments", "message"),
        [(raises_unpicklable, (), "Unpicklable: no way"), (sys.exit, (3,), "SystemExit: 3")],
    )
    def test_what_cannot_be_raised_here_is_told(self, worker, function, arguments, message):
        with pytest.raises(WorkerError, match=message):
            worker.call(function, *arguments)
        assert worker.call(math.sqrt, 4.0) == 2.0

    def test_a_result_that_cannot_be_sent(self, worker):
        with pytest.raises(Exception, match=r"(?i)pickle"):
            worker.call(function_of_nobody)

    def test_environment_and_log(self, tmp_path):
        (tmp_path / "log").write_text("before\n")
        with Worker({"TOLD": "yes"}, tmp_path / "log") as worker:
            assert worker.call(os.getenv, "TOLD") == "yes"
            worker.call(print, "printed")
            assert worker.output() == "printed"
        assert (tmp_path / "log").read_text() == "before\nprinted\n"
        assert "TOLD" not in os.environ


class TestLost:
    @pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGTERM, signal.SIGABRT])
    def test_by_a_signal(self, worker, number):
        with pytest.raises(WorkerError) as error:
            worker.call(prints_and_dies, number)
        assert str(error.value) == f"its process was killed by {number.name} in timing: last words"
        assert error.value.exit_code == -number
        assert worker.output() == "first\nlast words"
        assert worker.heartbeat.read()[1:] == ("timing", "torch")

    def test_by_sigkill(self, worker):
        with pytest.raises(
            WorkerError, match=r"^its process was killed by SIGKILL \(out of memory\?\) in timing: last"
        ):
            worker.call(prints_and_dies, signal.SIGKILL)

    def test_by_its_own_exit(self, worker):
        with pytest.raises(WorkerError, match=r"^its process ended with exit code 7: last words$"):
            worker.call(prints_and_exits, 7)
        with pytest.raises(WorkerError, match="exit code 7"):  # and it stays lost
            worker.call(math.sqrt, 4.0)

    @pytest.mark.parametrize("in_c", [False, True])
    def test_in_a_stage_that_takes_too_long(self, worker, in_c):
        worker.call(math.sqrt, 4.0)
        asked = []

        def allowed(stage):
            asked.append(stage)
            return 1.0 if stage == "timing" else 60.0

        start = time.monotonic()
        with pytest.raises(WorkerError, match=r"^no result after 1 s of timing: its process was ended$"):
            worker.call(hangs, "timing", in_c, limits=Limits(allowed))
        assert time.monotonic() - start < 30
        assert set(asked) <= {"", "timing"}
        assert not psutil.pid_exists(worker._guard.pid)

    @pytest.mark.parametrize("in_a_child", [False, True])
    def test_by_too_much_memory(self, worker, in_a_child):
        worker.call(math.sqrt, 4.0)
        limits = Limits(memory_bytes=500 * 10**6)
        with pytest.raises(
            WorkerError, match=r"^out of memory in timing: it took 0\.\d GB of memory, 0\.5 GB are allowed"
        ):
            worker.call(takes, 700, in_a_child, limits=limits)

    def test_heartbeats_are_seen(self, tmp_path):
        beats = []
        with Worker(on_beat=lambda *beat: beats.append(beat)) as worker, pytest.raises(WorkerError):
            worker.call(hangs, "timing", limits=Limits(lambda stage: 0.5 if stage else 60.0))
        assert beats == [("timing", "candidate")]


PARENT = f"""
import os, signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored under nohup
sys.path.insert(0, {str(ROOT)!r})
from parity.processes.pool import run_tasks
from parity.processes.worker import Worker
from tests.processes.test_worker import hangs, starts_others

def work(name, progress):
    progress(name, str(starts_others()), 0.0)
    hangs("", True)

def show(name, pid, fraction):
    print(pid, flush=True)

if sys.argv[1] == "pool":
    from parent import work
    for _ in run_tasks(work, [("one", ()), ("two", ())], 2, show):
        pass
else:
    with Worker() as one, Worker() as two:
        for worker in (one, two):
            print(worker.call(starts_others), flush=True)
        one.call(hangs, "", True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
@pytest.mark.parametrize("kind", ["worker", "pool"])
def test_nobody_is_left_when_the_parent_ends(tmp_path, number, kind):
    """Neither workers that hang in C, nor what they started, in their session or not, nor what lost its parent before."""
    text = PARENT.replace(
        'if sys.argv[1] == "pool":', 'if __name__ != "__main__":\n    pass\nelif sys.argv[1] == "pool":'
    )
    (tmp_path / "parent.py").write_text(text)
    command = [sys.executable, "parent.py", kind]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as parent:
        try:
            workers = [int(parent.stdout.readline()) for _ in range(2)]
            # Of each: a guard, the worker, and the four or five that the worker started, the last of them in a moment.
            end = time.monotonic() + 4 * WITHIN_S
            while len(everyone := psutil.Process(parent.pid).children(recursive=True)) < 2 * 6:
                assert time.monotonic() < end, everyone
                time.sleep(0.05)
            assert {process.pid for process in everyone} > set(workers)
            parent.send_signal(number)
            _, alive = psutil.wait_procs(everyone, WITHIN_S)
            assert alive == []
        finally:
            parent.kill()  # else a failure would wait for it
