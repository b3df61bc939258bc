"""Independent tasks in processes of their own, with progress."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from parity.processes.child import progress as send_progress
from parity.processes.worker import POLL_S, Worker

Progress = Callable[[str, str, float], None]


def default_processes() -> int:
    """Two where there are two cores: each holds both frameworks in memory."""
    return min(2, os.cpu_count() or 1)


def run_tasks(
    function: Callable[..., Any], tasks: Sequence[tuple[str, tuple[Any, ...]]], processes: int, progress: Progress
) -> Iterator[tuple[str, Any]]:
    """Calls `function(name, *arguments, progress)` for each task and yields (name, result) as they are done.

    Args:
        function: importable by name; its results must be picklable.
        tasks: name and arguments of each.
        processes: 1, and a single task, work in this process.
        progress: called with the name of a task, what is going on in it, and the fraction of it that is done.

    Raises:
        WorkerError: a process was lost. This and whatever a task raises ends all of them.
    """
    if processes == 1 or len(tasks) < 2:
        for name, arguments in tasks:
            yield name, function(name, *arguments, progress)
        return
    waiting = list(reversed(tasks))
    at_work: dict[Worker, str] = {}
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(Worker(on_progress=progress)) for _ in range(min(processes, len(tasks)))]
        while waiting or at_work:
            while waiting and idle:
                name, arguments = waiting.pop()
                worker = idle.pop()
                worker.begin(_call, function, name, arguments)
                at_work[worker] = name
            for worker in list(at_work):
                if worker.is_done(POLL_S / len(at_work)):
                    idle.append(worker)
                    yield at_work.pop(worker), worker.result()


def _call(function: Callable[..., Any], name: str, arguments: tuple[Any, ...]) -> Any:
    return function(name, *arguments, send_progress)
