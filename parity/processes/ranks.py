"""One function in several processes at once that work together: all give a result, or one is the reason why none does."""

from __future__ import annotations

import contextlib
import math
import re
import socket
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parity.processes.watch import Limits
from parity.processes.worker import POLL_S, Worker, WorkerError

PORT_TRIES = 5
# After the first failure: one that was killed may be seen after the errors of those that missed it.
GRACE_S = 1.0
# JAX's coordinator says the last; it may also die of a segmentation fault right after.
_PORT_CLASH = re.compile(r"address already in use|EADDRINUSE|failed to add port", re.IGNORECASE)


@dataclass(frozen=True)
class Rank:
    """One process's place among those that work together.

    Attributes:
        rank, count: its number, and how many there are.
        address: `host:port` on which the first one may listen.
        folder: shared by all of them.
    """

    rank: int
    count: int
    address: str
    folder: Path


def run_ranks(
    function: Callable[..., Any],
    count: int,
    folder: Path,
    arguments: Sequence[Any] = (),
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 120.0,
) -> list[Any]:
    """The results of `function(rank, *arguments)` in `count` processes, by rank. Another port when somebody took the first.

    Args:
        function: importable by name.
        folder: an existing one; `rank-N.log` in it takes what a process prints.
        environment: variables in addition to those of this process.

    Raises:
        WorkerError: at the first one that fails, or after `timeout_s` seconds. The others are ended at once: they might
            wait for it for as long as their framework's own time limit.
    """
    for tries_left in reversed(range(PORT_TRIES)):
        address = f"127.0.0.1:{free_port()}"
        with contextlib.ExitStack() as stack:
            workers = [stack.enter_context(Worker(environment, folder / f"rank-{rank}.log")) for rank in range(count)]
            for rank, worker in enumerate(workers):
                place = Rank(rank, count, address, folder)
                worker.begin(function, place, *arguments, limits=Limits(lambda stage: timeout_s))
            to_blame = _rank_to_blame(workers)
            if to_blame is None:
                return [worker.result() for worker in workers]
            error, output = workers[to_blame].failure, workers[to_blame].output()
        if not (tries_left and _PORT_CLASH.search(f"{error}\n{output}")):
            break
    reason = str(error) if isinstance(error, WorkerError) else f"{type(error).__name__}: {error}"
    printed = "; the last that it printed:\n" + textwrap.indent(output, "  ") if output else ""
    name = f"rank {to_blame} of {count} ({function.__module__})"
    raise WorkerError(f"{name}: {reason}{printed}", getattr(error, "exit_code", None))


def _rank_to_blame(workers: Sequence[Worker]) -> int | None:
    """Waits for all of them, or for the first failure and a moment longer; None if there is no failure."""
    end, failed = math.inf, []
    while time.monotonic() < end:
        are_done = [worker.is_done(POLL_S / len(workers)) for worker in workers]
        failed = [rank for rank, worker in enumerate(workers) if worker.failure]
        for rank in failed:
            if (getattr(workers[rank].failure, "exit_code", None) or 0) < 0:
                return rank
        if all(are_done):
            break
        if failed:
            end = min(end, time.monotonic() + GRACE_S)
    return failed[0] if failed else None


def free_port() -> int:
    """A port that was free a moment ago; somebody else may take it before it is used."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
