"""Runs the workers of both frameworks and judges each cell against one device and against the other framework."""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from parity.execution import backends
from parity.judge.finding import Finding, Verdict
from parity.processes.ranks import Rank, run_ranks
from parity.processes.settings import use_compilation_caches, use_threads
from parity.processes.worker import WorkerError
from parity.sides import JAX, SIDES, TORCH
from parity.transforms.compared import compared
from parity.transforms.devices.cases import CELLS, PROCESSES, DeviceCell, inputs, of_cell
from parity.transforms.outcome import CellOutcome

GROUP = "devices"
TIMEOUT_S = 180.0
ENVIRONMENT = {"JAX_PLATFORMS": "cpu"}
JOBS = (
    (TORCH, "processes"),
    (JAX, "devices"),
    (JAX, "processes"),
)  # the first of each framework has its one-device results


@dataclass
class Job:
    """The results of one set of workers.

    Attributes:
        ranks: arrays of each worker, by `cell/leaf`.
        seconds: from their start to the end of the last one.
        problem: why there are no results; else empty.
    """

    ranks: list[dict[str, np.ndarray]] = field(default_factory=list)
    seconds: float = 0.0
    problem: str = ""


def run(
    progress: Callable[[str, float], None] = lambda step, fraction: None,
    frameworks: Sequence[str] = SIDES,
    fault: str = "",
) -> Iterator[CellOutcome]:
    """Judges the cells of `frameworks` as their workers finish.

    Args:
        progress: called with the current step and the fraction that is done.
        frameworks: sides to run; with a single one, nothing is compared across.
        fault: planted for tests: "sum" sums instead of averaging, "heads" takes queries from the next head, "sum+heads" both.

    Raises:
        MissingBackendError: a framework is not installed.
    """
    for name in frameworks:
        backends.get(name)
    use_compilation_caches()
    use_threads(1)
    jobs = [job for job in JOBS if job[0] in frameworks]
    done: dict[tuple[str, str], Job] = {}
    one_device: dict[str, dict[str, np.ndarray]] = {}
    waiting = [cell for cell in CELLS if cell.backend in frameworks]
    for count, (backend, kind) in enumerate(jobs):
        progress(f"{backend}: {kind}", count / len(jobs))
        done[backend, kind] = results = measured(backend, kind, fault)
        if backend not in one_device:
            one_device[backend] = results.ranks[0] if results.ranks else {}
        if len(one_device) < len(frameworks):
            continue
        for cell in [cell for cell in waiting if (cell.backend, cell.job) in done]:
            waiting.remove(cell)
            yield judged(cell, done[cell.backend, cell.job], one_device)


def measured(backend: str, kind: str, fault: str = "") -> Job:
    """Runs one set of workers on the common inputs; arguments as in `DeviceCell` and `run`."""
    count = PROCESSES if kind == "processes" else 1
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="parity-devices-") as name:
        try:
            ranks = run_ranks(_work, count, Path(name), (backend, fault), ENVIRONMENT, TIMEOUT_S)
        except (WorkerError, OSError) as error:
            return Job(seconds=time.perf_counter() - started, problem=str(error))
    return Job(ranks, time.perf_counter() - started)


def _work(rank: Rank, backend: str, fault: str) -> dict[str, np.ndarray]:
    """Called in the process of each rank, the only one that imports the framework's worker."""
    return importlib.import_module(f"{__package__}.{backend}_worker").work(rank, inputs(), fault)


def judged(cell: DeviceCell, job: Job, one_device: Mapping[str, Mapping[str, np.ndarray]]) -> CellOutcome:
    """Judges every worker's result against one device, and one device against that of the other framework.

    Args:
        cell: its `seconds` are an equal share of its workers' time.
        one_device: results of one device by framework.
    """
    side: str | None
    share = job.seconds / sum((other.backend, other.job) == (cell.backend, cell.job) for other in CELLS)

    alone = {name: of_cell(results, f"one device/{cell.subject}") for name, results in one_device.items()}
    if job.problem:
        worst, side = _error(job.problem), cell.backend
    elif missing := [name for name, leaves in alone.items() if not leaves]:
        worst, side = _error(f"{missing[0]} has no results on one device"), missing[0]
    else:
        inside = [
            compared(of_cell(results, cell.name), alone[cell.backend], f"worker {rank} = one device", every_leaf=True)
            for rank, results in enumerate(job.ranks)
        ]
        across = [
            compared(alone[cell.backend], other, f"{cell.backend} = {name} on one device", every_leaf=True)
            for name, other in alone.items()
            if name != cell.backend
        ]
        worst = max([*inside, *across], key=lambda pair: (pair.verdict.severity, pair.error))
        side = None if worst.verdict.passes or worst in across else cell.backend
    return CellOutcome(cell.op, GROUP, cell.name, worst.verdict, side, worst.message, worst.error, share)


def _error(message: str) -> Finding:
    return Finding("out", "float64", "eager", Verdict.ERROR, message=message)
