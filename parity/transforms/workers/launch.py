"""Starts worker processes, waits for them, and says which one failed and how. No worker outlives its launcher."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

POLL_S = 0.02
PORT_TRIES = 5
TAIL = 15  # lines of a failed worker's output that its error shows
# JAX's coordinator says the last; it may also die of a segmentation fault right after.
_PORT_CLASH = re.compile(r"address already in use|EADDRINUSE|failed to add port", re.IGNORECASE)


class WorkerError(RuntimeError):
    """A worker died, raised or took too long. Its text names the worker, its exit code or signal, and its last words.

    Attributes:
        rank: number of the worker.
        exit_code: as in `subprocess`: negative for a signal, None if it was still running.
        is_port_clash: the address that it was to listen on had been taken.
    """

    def __init__(self, message: str, rank: int, exit_code: int | None, is_port_clash: bool = False) -> None:
        super().__init__(message)
        self.rank, self.exit_code, self.is_port_clash = rank, exit_code, is_port_clash


class Workers:
    """`count` processes `python -m module RANK COUNT ADDRESS FOLDER OPTION…`, all gone when the `with` block ends.

    Args:
        module: calls `parity.transforms.workers.worker.run_worker`.
        folder: an existing folder for results; `worker-RANK.log` in it takes what a worker prints.
        options: `name=value` strings, the same for all.
        environment: variables in addition to those of this process.
    """

    def __init__(
        self,
        module: str,
        count: int,
        folder: Path,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.module, self.folder = module, folder
        self.processes: list[subprocess.Popen[bytes]] = []
        address = f"127.0.0.1:{free_port()}"
        try:
            for rank in range(count):
                with self._log(rank).open("wb") as log:
                    worker = subprocess.Popen(
                        [sys.executable, "-m", module, str(rank), str(count), address, str(folder), *options],
                        stdin=subprocess.PIPE,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        env={**os.environ, **(environment or {})},
                        # Ctrl-C reaches the launcher alone, which then ends them all, instead of one traceback a worker.
                        start_new_session=True,
                    )
                self.processes.append(worker)
        except BaseException:
            self.kill()
            raise

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.kill()

    def wait(self, timeout_s: float) -> None:
        """Returns when every worker has ended with exit code 0.

        Raises:
            WorkerError: at the first one that does not, or after `timeout_s` seconds. The others are killed at once: they
                may wait for the dead one for as long as their framework's own time limit.
        """
        end = time.monotonic() + timeout_s
        while True:
            codes = [worker.poll() for worker in self.processes]
            failed = [rank for rank, code in enumerate(codes) if code]
            if failed:
                self.kill()
                # Of several seen at once, the one killed by a signal is the reason; the others missed their peer.
                raise self._error(min(failed, key=lambda rank: (codes[rank] > 0, rank)), codes)  # type: ignore[operator]
            if None not in codes:
                return
            if time.monotonic() > end:
                self.kill()
                rank = codes.index(None)
                raise WorkerError(
                    f"{self._name(rank)} was still running after {timeout_s:g} s; "
                    f"all workers were killed{self._last_words(rank)}",
                    rank,
                    None,
                )
            time.sleep(POLL_S)

    def kill(self) -> None:
        """Ends all that still run. SIGKILL: JAX answers SIGTERM with a graceful end that waits for its peers."""
        for worker in self.processes:
            if worker.poll() is None:
                worker.kill()
        for worker in self.processes:
            worker.wait()
            if worker.stdin:
                worker.stdin.close()

    def _log(self, rank: int) -> Path:
        return self.folder / f"worker-{rank}.log"

    def _name(self, rank: int) -> str:
        return f"worker {rank} of {len(self.processes)} ({self.module})"

    def _error(self, rank: int, codes: Sequence[int | None]) -> WorkerError:
        code = codes[rank] or 0
        fate = f"was killed by {_signal(-code)}" if code < 0 else f"failed with exit code {code}"
        log = self._log(rank).read_text(errors="replace")
        # The name of an exception stands at the first line after its traceback that is not indented.
        raised = re.findall(r"^Traceback .*\n(?:[ \t].*\n)+(\S.*)", log, re.MULTILINE)
        words = f"{self._name(rank)} {fate}{': ' + raised[-1] if raised else ''}{self._last_words(rank)}"
        return WorkerError(words, rank, code, bool(_PORT_CLASH.search(log)))

    def _last_words(self, rank: int) -> str:
        lines = self._log(rank).read_text(errors="replace").strip().splitlines()[-TAIL:]
        return "; the last that it printed:\n" + "\n".join(f"  {line}" for line in lines) if lines else ""


def launch(
    module: str,
    count: int,
    folder: Path,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 120.0,
) -> None:
    """Runs `Workers` to their end, with another port when somebody took the first one.

    Raises:
        WorkerError: see `Workers.wait`.
    """
    for tries_left in reversed(range(PORT_TRIES)):
        try:
            with Workers(module, count, folder, options, environment) as workers:
                workers.wait(timeout_s)
            return
        except WorkerError as error:
            if not (error.is_port_clash and tries_left):
                raise


def free_port() -> int:
    """A port that was free a moment ago; somebody else may take it before it is used."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
