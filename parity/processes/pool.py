"""Independent tasks in processes of their own, with progress; they end with the parent, whatever happens."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from typing import Any

from parity.processes.settings import end_with_parent

Progress = Callable[[str, str, float], None]
_queue: Any = None


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
    """
    if processes == 1 or len(tasks) < 2:
        for name, arguments in tasks:
            yield name, function(name, *arguments, progress)
        return
    # Spawned, not forked: a forked JAX may hang.
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(min(processes, len(tasks)), context, initializer=_start, initargs=(queue,))
    try:
        futures = {pool.submit(_call, function, name, arguments): name for name, arguments in tasks}
        pending = set(futures)
        while pending:
            done, pending = wait(pending, timeout=0.1, return_when=FIRST_COMPLETED)
            while not queue.empty():
                progress(*queue.get())
            for future in done:
                yield futures[future], future.result()
        pool.shutdown()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise


def _start(queue: Any) -> None:
    global _queue
    _queue = queue
    end_with_parent()


def _call(function: Callable[..., Any], name: str, arguments: tuple[Any, ...]) -> Any:
    return function(name, *arguments, lambda *words: _queue.put(words))
