"""A Python process that makes calls for this one, is watched meanwhile, and is never left behind."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from parity.processes import guard
from parity.processes.child import ERROR, EXIT, PROGRESS, RESULT
from parity.processes.heartbeat import Heartbeat
from parity.processes.watch import Limits, Watch

POLL_S = 0.05
END_S = 5.0
LONGEST = 300  # characters of a line that an error shows
TAIL = 15  # lines of its output that `Worker.output` gives


class WorkerError(RuntimeError):
    """A worker died, hung, took too much memory or exited. The text says which, with the last line that it printed.

    Attributes:
        exit_code: as in `subprocess`: negative for a signal; None if this process ended it.
    """

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code


NO_LIMITS = Limits()


class Worker:
    """A process of its own for calls, gone with everything that it started when the `with` block ends.

    It also ends when this process does, in whatever way; see `guard`.

    Args:
        environment: variables in addition to those of this process, set before the worker imports anything.
        log: takes what it prints, after what is there already; by default that goes where this process prints.
        on_beat: told the stage and the candidate of each heartbeat that is seen.
        on_progress: told what the worker sends with `child.progress`.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
        on_beat: Callable[[str, str], None] = lambda stage, candidate: None,
        on_progress: Callable[..., None] = lambda *message: None,
    ) -> None:
        self.heartbeat, self._log, self._on_beat, self._on_progress = Heartbeat(), log, on_beat, on_progress
        self.failure: BaseException | None = None
        self._connection, theirs = multiprocessing.Pipe()
        descriptors = theirs.fileno(), self.heartbeat.file.fileno()
        program = f"import sys; sys.path[:] = {sys.path!r}; from parity.processes.child import main; main{descriptors}"
        command = [sys.executable, "-P", guard.__file__, ",".join(map(str, descriptors)), sys.executable, "-c", program]
        with contextlib.ExitStack() as opened:
            opened.enter_context(theirs)
            output = None if log is None else opened.enter_context(log.open("ab"))
            # The worker and what it started are the descendants of this one.
            self._guard = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                env={**os.environ, **(environment or {})},
                pass_fds=descriptors,
                # Ctrl-C reaches this process alone, which then ends them all, instead of one traceback each.
                start_new_session=True,
            )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.end()

    def call(self, function: Callable[..., Any], *arguments: Any, limits: Limits = NO_LIMITS) -> Any:
        """What `function(*arguments)` returns in the worker; what it raises is raised here.

        Args:
            function: importable by name; it, the arguments and the result go through pickle.

        Raises:
            WorkerError: the worker is lost.
        """
        self.begin(function, *arguments, limits=limits)
        while not self.is_done(POLL_S):
            pass
        return self.result()

    def begin(self, function: Callable[..., Any], *arguments: Any, limits: Limits = NO_LIMITS) -> None:
        """Starts a call, as `call` does, and returns at once."""
        self._printed_before = self._log.stat().st_size if self._log else 0
        self.failure, self._is_done = None, False
        self._watch = Watch(self._guard.pid, self.heartbeat, limits, self._on_beat)
        with contextlib.suppress(OSError):  # it is lost already, and its end of the pipe says how
            self._connection.send((function, arguments))

    def is_done(self, timeout_s: float) -> bool:
        """Waits so long, at most, for the end of the call: its result, an exception, or the loss of the worker."""
        if self._is_done:
            return True
        kind: str | None
        value: Any
        try:
            kind, value = self._connection.recv() if self._connection.poll(timeout_s) else (None, None)
        except (EOFError, OSError):
            kind, value = ERROR, self._ended()
        if kind == PROGRESS:
            self._on_progress(*value)
        elif kind == RESULT:
            self._value = value
        elif kind is not None:
            self.failure = WorkerError(value) if kind == EXIT else value
        elif problem := self._watch.problem():
            self.end()
            self.failure = WorkerError(problem)
        self._is_done = kind == RESULT or self.failure is not None
        return self._is_done

    def result(self) -> Any:
        """What the call returned, once it `is_done`; see `call`. `failure` is what it raises, if anything."""
        if self.failure is not None:
            raise self.failure
        return self._value

    def output(self) -> str:
        """The last lines that it printed during the call; empty without a log."""
        if self._log is None:
            return ""
        printed = self._log.read_bytes()[self._printed_before :].decode(errors="replace")
        return "\n".join(printed.strip().splitlines()[-TAIL:])

    def end(self) -> None:
        """Ends the process and all that it started, and waits until they are gone."""
        assert self._guard.stdin
        self._guard.stdin.close()
        try:
            self._guard.wait(END_S)
        except subprocess.TimeoutExpired:  # the system cannot end it now: it waits for a disk, for example
            self._guard.kill()
            self._guard.wait()
        self._connection.close()
        self.heartbeat.file.close()

    def _ended(self) -> WorkerError:
        """The error of a worker that has ended by itself."""
        try:
            code = self._guard.wait(END_S)
        except subprocess.TimeoutExpired:
            return WorkerError("its process closed the pipe")
        message = f"was killed by {_signal(-code)}" if code < 0 else f"ended with exit code {code}"
        message += " (out of memory?)" if code == -signal.SIGKILL else ""
        _, stage, _ = self.heartbeat.read()
        message += f" in {stage}" if stage else ""
        lines = self.output().splitlines()
        message += f": {lines[-1].strip()[:LONGEST]}" if lines else ""
        return WorkerError(f"its process {message}", code)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
