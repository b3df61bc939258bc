"""Runs the trials of `parity calibrate`."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Iterator, Sequence

from parity.bench.calibration.results import Calibration
from parity.bench.calibration.trials import (
    FUNCTIONS,
    SAME,
    SLOWER,
    Trial,
    by_parity,
    by_pytest_benchmark,
    check_installed,
    programs,
)
from parity.bench.machine.environment import commit
from parity.execution.environment import environment, processor

# One round: both kinds of trials of parity, and all of pytest-benchmark in a process of its own.
OTHER = "pytest-benchmark"
TURNS = (SAME, SLOWER, OTHER)


def run(trials: int, seconds: float, functions: Sequence[str] = FUNCTIONS, beside: int = 1) -> Iterator[Calibration]:
    """Each kind of trial by turns, `trials` times, so that a busy minute hits all alike; yields the state after each.

    Args:
        seconds: for one trial of one method.
        beside: pytest-benchmark takes part in one of this many trials; it takes three times as long as parity.

    Raises:
        InputError: pytest-benchmark is not installed.
    """
    check_installed()
    turns = [
        (number, function, kind)
        for number in range(trials)
        for function in functions
        for kind in TURNS
        if kind != OTHER or number % beside == 0
    ]
    began, finished = time.monotonic(), list[Trial]()
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    load_before, place = os.getloadavg(), {**environment(), "processor": processor(), "commit": commit()}

    def so_far(done: int, doing: str) -> Calibration:
        elapsed, load = time.monotonic() - began, (load_before, os.getloadavg())
        return Calibration(trials, seconds, tuple(finished), done, len(turns), doing, started, elapsed, load, place)

    yield so_far(0, "compiling")
    with programs(functions) as calls:
        for done, (number, function, kind) in enumerate(turns):
            yield so_far(done, f"trial {number + 1} of {trials}: {function}, {kind}")
            if kind == OTHER:
                finished += by_pytest_benchmark(function, seconds)
            else:
                finished.append(by_parity(calls[function], function, kind, seconds))
    yield so_far(len(turns), "done")
