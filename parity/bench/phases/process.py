"""A process that answers with one JSON object after the other, and what became of it when it does not."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from parity.bench.phases.worker import Assignment

POLL_S = 0.1
END_S = 5.0
LONGEST = 300


class Lost(RuntimeError):
    """The process died, or took too long; the text says which."""


class Process:
    """`python -m module ASSIGNMENT DESCRIPTOR`, gone with all that it started when the `with` block ends.

    Args:
        log: takes what it prints.
    """

    def __init__(self, module: str, assignment: Assignment, environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        self._pipe, theirs = multiprocessing.Pipe(duplex=False)
        with log.open("wb") as printed, theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, assignment.words(), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=[theirs.fileno()],
                # A group of its own, so that compilers that it runs can be ended with it, and Ctrl-C reaches this one alone.
                start_new_session=True,
            )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        # SIGKILL: a call that hangs in C answers nothing else.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._pipe.close()

    def answer(self, timeout_s: float) -> dict[str, Any]:
        """The next one.

        Raises:
            Lost: there is none.
        """
        end = time.monotonic() + timeout_s
        try:
            while not self._pipe.poll(POLL_S):
                if time.monotonic() > end:
                    raise Lost(f"no result after {timeout_s:g} s: its process was ended")
                # Its end closes the pipe, unless something that it started holds it open.
                if self._process.poll() is not None and not self._pipe.poll(0):
                    raise EOFError
            return dict(json.loads(self._pipe.recv_bytes()))
        except (EOFError, ConnectionError):
            raise Lost(self._fate()) from None

    def _fate(self) -> str:
        try:
            code = self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            return "its process closed the pipe"
        words = (
            f"its process was killed by {_signal(-code)}" if code < 0 else f"its process ended with exit code {code}"
        )
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return words + (f": {lines[-1].strip()[:LONGEST]}" if lines else "")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
