"""Runs the workers of both frameworks and judges every cell: as on one device, and as in the other framework."""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from parity.execution import backends
from parity.judge.finding import Verdict
from parity.processes.ranks import Rank, run_ranks
from parity.processes.settings import use_compilation_caches, use_threads
from parity.processes.worker import WorkerError
from parity.transforms.compared import Compared, compared
from parity.transforms.devices.cases import CELLS, PROCESSES, Cell, inputs, of_cell
from parity.transforms.outcome import Outcome

GROUP = "devices"
TIMEOUT_S = 180.0
ENVIRONMENT = {"JAX_PLATFORMS": "cpu"}
JOBS = (("torch", "processes"), ("jax", "devices"), ("jax", "processes"))  # one device of each comes first


@dataclass
class Job:
    """What one set of workers gave.

    Attributes:
        ranks: the results of each worker, by `cell/leaf`.
        seconds: from their start to the end of the last one.
        problem: why there are none.
    """

    ranks: list[dict[str, np.ndarray]] = field(default_factory=list)
    seconds: float = 0.0
    problem: str = ""


def run(
    progress: Callable[[str, float], None] = lambda words, fraction: None,
    frameworks: Sequence[str] = backends.NAMES,
    fault: str = "",
) -> Iterator[Outcome]:
    """Every cell of `frameworks`, as soon as its workers are done.

    Args:
        progress: called with what is going on and the fraction of it that is done.
        frameworks: with one alone nothing is compared across.
        fault: a planted one: "sum" adds up where a mean is due, "heads" takes queries from the next head, "sum+heads" does both.

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
    """Starts the workers of one framework on the common inputs, and reads what each of them gave."""
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


def judged(cell: Cell, job: Job, one_device: Mapping[str, Mapping[str, np.ndarray]]) -> Outcome:
    """Every worker's result against one device of its own framework, and that against one device of the other.

    The seconds are the cell's equal share of its workers' time.
    """
    side: str | None
    share = job.seconds / sum((other.backend, other.job) == (cell.backend, cell.job) for other in CELLS)

    alone = {name: of_cell(results, f"one device/{cell.subject}") for name, results in one_device.items()}
    if job.problem:
        found, side = Compared(Verdict.ERROR, float("nan"), job.problem), cell.backend
    elif missing := [name for name, leaves in alone.items() if not leaves]:
        found, side = Compared(Verdict.ERROR, float("nan"), f"{missing[0]} gave nothing on one device"), missing[0]
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
        found = max([*inside, *across], key=lambda found: (found.verdict.severity, found.error))
        side = None if found.verdict.passes or found in across else cell.backend
    return Outcome(cell.op, GROUP, cell.name, found.verdict, side, found.words, found.error, share)
