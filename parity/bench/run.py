"""Runs a benchmark: one loop over its tasks. Each result is saved as it comes, so a stopped run can go on."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from parity.bench.machine.environment import load, same_place, same_programs
from parity.bench.machine.roofline import share_of_limit
from parity.bench.phases import run as phases
from parity.bench.phases.run import PhasesTask
from parity.bench.plan import Bench, LimitsTask
from parity.bench.scaling import sweep as scaling
from parity.bench.supervision.supervise import Supervisor
from parity.errors import InputError

# Called with what is measured now, and the share of the tasks that is done.
Progress = Callable[[str, float], None]
ENVIRONMENT = "environment"


def run(bench: Bench, folder: Path, progress: Progress) -> Iterator[None]:
    """Measures every task of `bench` that has no result; after each one, yields with the result in `bench` and in `folder`.

    Raises:
        InputError: the results that this run goes on with are from another machine or other programs.
    """
    began = time.monotonic() - bench.seconds
    bench.started = bench.started or datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    for name, result in _measured(bench, folder, lambda message: progress(message, bench.done)):
        if name == ENVIRONMENT:
            bench.environment = result
        else:
            bench.results[name] = result
        bench.seconds = time.monotonic() - began
        bench.write(folder)
        yield


def _measured(bench: Bench, folder: Path, progress: Callable[[str], None]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The environment, each missing task's result by its name, and the environment with the load at the end."""
    missing, name = bench.missing, ""
    with Supervisor(
        bench.settings, folder, lambda stage, candidate: progress(f"{name}: {stage} {candidate}".rstrip())
    ) as worker:
        progress("starting")
        yield ENVIRONMENT, _environment(worker.environment(), bench.environment)
        for name, task in missing.items():
            if isinstance(task, LimitsTask):
                yield name, worker.limits(task.dtype)
            elif not isinstance(task, PhasesTask):
                comparison = worker.measure(task)
                yield name, scaling.point(comparison) if task.only_compiled else _with_shares(comparison, bench)
    # In processes of its own, once that of the supervisor has ended.
    yield from phases.run(
        [task for task in missing.values() if isinstance(task, PhasesTask)], bench.settings, progress, folder
    )
    yield ENVIRONMENT, bench.environment | {"load": [bench.environment["load"][0], load()]}


def _environment(now: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """Where this run is, with the load at the beginning of the earlier one; InputError if the two differ."""
    if not earlier:
        return dict(now)
    if different := same_place(now, earlier) or same_programs(now, earlier):
        raise InputError(f"--resume: the earlier run is not comparable: {different}; leave --resume out to start again")
    return {**now, "load": earlier["load"]}


def _with_shares(comparison: dict[str, Any], bench: Bench) -> dict[str, Any]:
    """The comparison with each candidate's share of the limits of the machine."""
    limits = bench.results[LimitsTask(comparison["dtype"]).name]
    for row in comparison["candidates"]:
        if row["seconds"] and limits and comparison["work"]:
            row["share_of_limit"] = share_of_limit(comparison["work"], row["seconds"]["median"], limits)
    return comparison
