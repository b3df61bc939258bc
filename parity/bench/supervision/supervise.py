"""Watches a measuring process: what hangs, dies or takes all memory costs one candidate, not the run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from parity.bench.results import Comparison
from parity.bench.session import PARITY, TIMING
from parity.bench.settings import Settings
from parity.bench.subjects.candidates import BASE, CONTROL
from parity.bench.supervision.heartbeat import Pulse
from parity.bench.supervision.task import Task
from parity.bench.supervision.worker import serve
from parity.bench.timing.normalizer import NORMALIZER
from parity.errors import InputError
from parity.execution.runner import COMPILE_PATIENCE

POLL_S = 0.05
# The gate calls each side in two precisions, up to some ten times where it looks twice.
PARITY_PATIENCE = 10.0
# Of the memory that is free when a run begins.
MEMORY_SHARE = 0.8

Progress = Callable[[str, str], None]


class _Lost(Exception):
    """The measuring process is gone; the text says why."""


class Supervisor:
    """One measuring process at a time, a new one after each that was lost. Use it in a `with` block.

    Args:
        folder: `bench.log` in it takes what the measuring process prints.
        progress: told the stage and the candidate that is measured.
    """

    def __init__(self, settings: Settings, folder: Path, progress: Progress = lambda stage, candidate: None) -> None:
        memory = settings.memory_bytes or int(MEMORY_SHARE * available_bytes())
        self.settings, self.log, self.progress = replace(settings, memory_bytes=memory), folder / "bench.log", progress
        self.log.unlink(missing_ok=True)
        self._context = multiprocessing.get_context("spawn")
        self._process: Any = None

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._kill()

    def environment(self) -> dict[str, Any]:
        """Versions, processor and settings; InputError if the device is not there."""
        try:
            answer = self._ask("environment", None, {})
        except _Lost as error:
            raise InputError(
                f"the measuring process cannot be started: {error}; what it printed is in {self.log}"
            ) from error
        return self._checked(answer)

    def limits(self, dtype: str) -> dict[str, Any]:
        """`parity.bench.machine.roofline.limits`; empty if it could not be measured."""
        try:
            return self._ask("limits", dtype, {})
        except _Lost:
            return {}

    def measure(self, task: Task) -> dict[str, Any]:
        """The comparison as plain data. A candidate that takes the process with it is a row that says so.

        Raises:
            InputError: the task names what there is not.
        """
        broken: dict[str, str] = {}
        while True:
            try:
                answer = self._ask("comparison", task, broken)
            except _Lost as error:
                candidate = self._pulse.candidate
                if not candidate or candidate in broken or candidate in (CONTROL, NORMALIZER):
                    return self._lost(task, str(error))
                broken[candidate] = str(error)
                continue
            return self._checked(answer)

    @staticmethod
    def _checked(answer: dict[str, Any]) -> dict[str, Any]:
        if "input_error" in answer:
            raise InputError(answer["input_error"])
        return answer

    def _lost(self, task: Task, message: str) -> dict[str, Any]:
        judged = {"passed": False, "verdict": "ERROR", "message": message}
        sizes = dict(task.sizes or {})
        return Comparison(task.op, task.kind, task.dtype, sizes, BASE, judged, message).to_dict()

    def _ask(self, what: str, task: Any, broken: Mapping[str, str]) -> dict[str, Any]:
        if self._process is None:
            self._start()
        self._pulse.beat("start", "")
        self._connection.send((what, task, dict(broken)))
        beats, since = -1, time.monotonic()
        try:
            while not self._connection.poll(POLL_S):
                stage, candidate = self._pulse.stage, self._pulse.candidate
                if self._pulse.beats != beats:
                    beats, since = self._pulse.beats, time.monotonic()
                    self.progress(stage, candidate)
                allowed = self._allowed_s(stage)
                if time.monotonic() - since > allowed:
                    raise _Lost(f"no result after {allowed:g} s of {stage}: its process was ended")
                used = resident_bytes(self._process.pid)
                if used > self.settings.memory_bytes:
                    words = f"{used / 1e9:.1f} GB of memory, {self.settings.memory_bytes / 1e9:.1f} GB are allowed"
                    raise _Lost(f"out of memory in {stage}: it took {words}; its process was ended")
            return self._connection.recv()
        except (EOFError, ConnectionError) as error:
            self._process.join()
            raise self._killed(_Lost(f"its process {_fate(self._process.exitcode)} in {self._pulse.stage}")) from error
        except _Lost as lost:
            raise self._killed(lost) from None
        except BaseException:
            self._kill()
            raise

    def _allowed_s(self, stage: str) -> float:
        patience = {TIMING: 1.0, PARITY: PARITY_PATIENCE}.get(stage, COMPILE_PATIENCE)
        return patience * self.settings.timeout_s

    def _start(self) -> None:
        self._pulse = Pulse(self._context)
        self._connection, theirs = self._context.Pipe()
        cache = os.environ.get("PARITY_CACHE_DIR", str(Path(".cache/parity").absolute()))
        before = {name: os.environ.get(name) for name in self.settings.variables()}
        os.environ.update(self.settings.variables())
        try:
            self._process = self._context.Process(
                target=serve, args=(theirs, self._pulse, self.settings, str(self.log), cache), daemon=True
            )
            self._process.start()
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        theirs.close()

    def _killed(self, lost: _Lost) -> _Lost:
        self._kill()
        return lost

    def _kill(self) -> None:
        # SIGKILL: a call that hangs in C answers nothing else.
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
            self._process = None


def _fate(code: int | None) -> str:
    if code is not None and code < 0:
        words = f"was killed by {signal.Signals(-code).name}"
        return words + (" (out of memory?)" if -code == signal.SIGKILL else "")
    return f"ended with exit code {code}"


def resident_bytes(pid: int) -> int:
    """Memory that a process holds; 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def available_bytes() -> int:
    """Memory that can be had without swapping; without limit where the system does not tell."""
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        return 2**62
