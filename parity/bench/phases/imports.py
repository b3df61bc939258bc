"""Seconds that the import of a framework takes in a fresh process."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
from collections.abc import Callable, Mapping

from parity.bench.phases import stages
from parity.processes.worker import Worker, WorkerError

IMPORTS = 3
_IMPORT = "import time; started = time.perf_counter(); import {}; print(time.perf_counter() - started)"


def import_seconds(
    environments: Mapping[str, Mapping[str, str]], timeout_s: float, progress: Callable[[str], None]
) -> tuple[dict[str, float | None], dict[str, list[str]]]:
    """Framework → median seconds of IMPORTS imports, made by turns, or None; and framework → why it is None.

    Args:
        environments: framework → environment of its process.
        timeout_s: for one import.
    """
    seconds: dict[str, list[float]] = {name: [] for name in environments}
    problems: dict[str, list[str]] = {name: [] for name in environments}
    with contextlib.ExitStack() as stack:
        workers = {name: stack.enter_context(Worker(environment)) for name, environment in environments.items()}
        for turn in range(IMPORTS):
            for name in list(environments)[:: 1 if turn % 2 == 0 else -1]:
                if problems[name]:
                    continue
                progress(f"{name}: import {turn + 1} of {IMPORTS}")
                try:
                    printed = workers[name].call(stages.printed, _IMPORT.format(name), timeout_s)
                    seconds[name].append(float(printed.split()[-1]))
                except subprocess.CalledProcessError as error:
                    problems[name].append(f"import: {(error.stderr.strip().splitlines() or [str(error)])[-1]}")
                except (OSError, subprocess.TimeoutExpired, ValueError, IndexError, WorkerError) as error:
                    problems[name].append(f"import: {error}")
    return {name: None if problems[name] else statistics.median(seconds[name]) for name in environments}, problems
