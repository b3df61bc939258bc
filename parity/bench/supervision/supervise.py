"""Measures in a process of its own: a candidate that hangs, dies or takes all memory costs one row, not the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from parity.bench.errors import why
from parity.bench.machine.environment import describe
from parity.bench.results import Comparison
from parity.bench.session import PARITY, TIMING
from parity.bench.settings import Settings
from parity.bench.subjects.candidates import BASE, CONTROL
from parity.bench.supervision import worker
from parity.bench.supervision.task import Task
from parity.bench.timing.normalizer import NORMALIZER
from parity.errors import InputError
from parity.execution.runner import COMPILE_PATIENCE
from parity.processes.watch import Limits
from parity.processes.worker import Worker, WorkerError

# The gate calls each side in two precisions, up to some ten times where it looks twice.
PARITY_PATIENCE = 10.0
# Of the memory that is free when a run begins.
MEMORY_SHARE = 0.8

Progress = Callable[[str, str], None]


class Supervisor:
    """One measuring process at a time, a new one after each that was lost. Use it in a `with` block.

    Args:
        folder: `bench.log` in it takes what the measuring process prints.
        progress: told the stage and the candidate that is measured.
    """

    def __init__(self, settings: Settings, folder: Path, progress: Progress = lambda stage, candidate: None) -> None:
        memory = settings.memory_bytes or int(MEMORY_SHARE * psutil.virtual_memory().available)
        self.settings, self.log, self.progress = replace(settings, memory_bytes=memory), folder / "bench.log", progress
        self.log.unlink(missing_ok=True)
        self._worker: Worker | None = None
        self._candidate = ""  # what a lost process was measuring

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._end()

    def environment(self) -> dict[str, Any]:
        """Versions, processor and settings; InputError if the device is not there."""
        try:
            answer = self._call(describe)
        except WorkerError as error:
            raise InputError(
                f"the measuring process cannot be started: {error}; what it printed is in {self.log}"
            ) from error
        return self._checked(answer)

    def limits(self, dtype: str) -> dict[str, Any]:
        """`parity.bench.machine.roofline.limits`; empty if it could not be measured."""
        try:
            return self._call(worker.limits, dtype)
        except WorkerError:
            return {}

    def measure(self, task: Task) -> dict[str, Any]:
        """The comparison as plain data. A candidate that takes the process with it is a row that says so.

        Raises:
            InputError: the task names what there is not.
        """
        broken: dict[str, str] = {}
        while True:
            try:
                return self._checked(self._call(worker.comparison, task, broken))
            except WorkerError as error:
                if not self._candidate or self._candidate in (*broken, CONTROL, NORMALIZER):
                    return self._lost(task, str(error))
                broken[self._candidate] = str(error)

    @staticmethod
    def _checked(answer: dict[str, Any]) -> dict[str, Any]:
        if "input_error" in answer:
            raise InputError(answer["input_error"])
        return answer

    def _lost(self, task: Task, message: str) -> dict[str, Any]:
        judged = {"passed": False, "verdict": "ERROR", "message": message}
        sizes = dict(task.sizes or {})
        return Comparison(task.op, task.kind, task.dtype, sizes, BASE, judged, message).to_dict()

    def _call(self, function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
        limits = Limits(self._allowed_s, self.settings.memory_bytes)
        try:
            if self._worker is None:
                self._worker = Worker(self.settings.variables(), self.log, self.progress)
                self._worker.call(worker.start, self.settings.threads, limits=limits)
            return self._worker.call(function, *arguments, self.settings, limits=limits)
        except BaseException as error:  # what the process is in the middle of is not known
            self._candidate = self._worker.heartbeat.read()[2] if self._worker else ""
            self._end()
            if isinstance(error, WorkerError) or not isinstance(error, Exception):
                raise
            raise WorkerError(why(error)) from error

    def _allowed_s(self, stage: str) -> float:
        patience = {TIMING: 1.0, PARITY: PARITY_PATIENCE}.get(stage, COMPILE_PATIENCE)
        return patience * self.settings.timeout_s

    def _end(self) -> None:
        if self._worker is not None:
            self._worker.end()
            self._worker = None
