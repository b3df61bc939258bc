"""Proves the clock on this machine: trials whose answer is known, beside plain pytest-benchmark on the same functions."""

from __future__ import annotations

import datetime
import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from parity.bench.calibration.trials import (
    FUNCTIONS,
    METHODS,
    PARITY,
    SAME,
    SIZES,
    SLOWDOWN,
    SLOWER,
    Trial,
    by_parity,
    by_pytest_benchmark,
    check_installed,
    programs,
)
from parity.bench.machine.environment import commit, processor
from parity.bench.timing.verdict import MARGIN
from parity.execution.environment import environment
from parity.judge.serialize import plain
from parity.processes.files import write

SCHEMA = "parity-calibration/1"
JSON, MARKDOWN = "calibration.json", "calibration.md"
# Shares of the trials: one function against itself within the margin, and the true slowdown found.
WITHIN, FOUND = 0.99, 0.95
# What is done by turns: the kinds of trials of parity, and all those of pytest-benchmark in a process of its own.
OTHER = "pytest-benchmark"
TURNS = (SAME, SLOWER, OTHER)
HEADINGS = (
    "method",
    "function",
    "spread of A/A",
    "worst A/A",
    f"beyond ± {100 * MARGIN:g} %",
    "false alarms",
    "5 % found",
)

NOTE = (
    f"A/A: a function against itself, true ratio 1. 5 %: against itself with a wait after each call, true ratio {SLOWDOWN:g}. "
    "parity says FASTER or SLOWER by its own verdict; pytest-benchmark has none, so that a ratio above 1.025 counts as slower "
    "and one below 1 / 1.025 as faster."
)


@dataclass(frozen=True)
class Row:
    """All trials of one method on one function; None where there are none yet.

    Attributes:
        spread, worst: of the ratio of a function to itself, as fractions: standard deviation, largest distance from 1.
        beyond: trials of `same` further from 1 than the margin.
        false_alarms: trials of `same` that were called FASTER or SLOWER.
        found: trials of `slower` that were called SLOWER.
    """

    method: str
    function: str
    same: int
    slower: int
    spread: float | None
    worst: float | None
    beyond: int
    false_alarms: int
    found: int

    @property
    def cells(self) -> tuple[str, ...]:
        spread, worst = (f"{100 * one:.2f} %" if one is not None else "" for one in (self.spread, self.worst))
        counts = (f"{one} of {self.same}" for one in (self.beyond, self.false_alarms))
        return self.method, self.function, spread, worst, *counts, f"{self.found} of {self.slower}"


@dataclass(frozen=True)
class Target:
    """What was asked of parity's clock on one function.

    Attributes:
        count: trials that did as they should, of `trials`; `share` of them have to.
    """

    function: str
    words: str
    count: int
    trials: int
    share: float

    @property
    def met(self) -> bool:
        return self.trials > 0 and self.count >= self.share * self.trials

    def __str__(self) -> str:
        state = "met" if self.met else "not met"
        return f"{state}: {self.function}: {self.words} in {self.count} of {self.trials}, target {100 * self.share:g} %"


@dataclass(frozen=True)
class Calibration:
    """The trials so far.

    Attributes:
        wanted: trials of each kind, function and method; `total` of turns, of which `done` are over.
        seconds_each: time for one trial.
        load: averages of one, five and fifteen minutes before and after.
    """

    wanted: int
    seconds_each: float
    trials: tuple[Trial, ...] = ()
    done: int = 0
    total: int = 0
    doing: str = "starting"
    started: str = ""
    seconds: float = 0.0
    load: tuple[tuple[float, ...], ...] = ()
    environment: dict[str, Any] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return self.done == self.total > 0

    @property
    def passed(self) -> bool:
        return self.complete and all(target.met for target in self.targets())

    def rows(self) -> list[Row]:
        return [self._row(method, function) for method in METHODS for function in FUNCTIONS]

    def _row(self, method: str, function: str) -> Row:
        ours = [one for one in self.trials if (one.method, one.function) == (method, function)]
        same, slower = ([one for one in ours if one.kind == kind] for kind in (SAME, SLOWER))
        logarithms = np.log([one.ratio for one in same])
        return Row(
            method,
            function,
            len(same),
            len(slower),
            float(np.std(logarithms, ddof=1)) if len(same) > 1 else None,
            float(np.abs(logarithms).max()) if same else None,
            sum(not abs(math.log(one.ratio)) <= MARGIN for one in same),
            sum(one.verdict in ("FASTER", "SLOWER") for one in same),
            sum(one.verdict == "SLOWER" for one in slower),
        )

    def targets(self) -> list[Target]:
        ours = [row for row in self.rows() if row.method == PARITY]
        margin = f"A/A within ± {100 * MARGIN:g} %"
        return [
            target
            for row in ours
            for target in (
                Target(row.function, margin, row.same - row.beyond, row.same, WITHIN),
                Target(row.function, "a slowdown of 5 % found", row.found, row.slower, FOUND),
            )
        ]

    def to_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = plain(
            {
                "schema": SCHEMA,
                "complete": self.complete,
                "passed": self.passed,
                "started": self.started,
                "seconds": round(self.seconds, 1),
                "settings": {
                    "trials": self.wanted,
                    "seconds": self.seconds_each,
                    "slowdown": SLOWDOWN,
                    "margin": MARGIN,
                    "sizes": SIZES,
                    "threads": {name: os.environ.get(name) for name in ("NPROC", "OMP_NUM_THREADS")},
                },
                "environment": {**self.environment, "load": self.load},
                "rows": [vars(row) for row in self.rows()],
                "targets": [{**vars(target), "met": target.met} for target in self.targets()],
                "trials": [one.to_dict() for one in self.trials],
            }
        )
        return found

    def markdown(self) -> str:
        """The table, what is in it, and the targets."""
        state = "" if self.complete else f"Incomplete: {self.done} of {self.total} turns are done.\n\n"
        table = [HEADINGS, ("---",) * len(HEADINGS), *(row.cells for row in self.rows())]
        lines = "\n".join(f"| {' | '.join(cells)} |" for cells in table)
        targets = "\n".join(f"- {target}" for target in self.targets())
        load = " → ".join(f"{one[0]:.2f}" for one in self.load)
        place = f"processor: {self.environment.get('processor', '')}; load average of a minute: {load}"
        return (
            f"# The clock against known answers\n\n{state}{lines}\n\n{NOTE}\n\n{targets}\n\n"
            f"{self.wanted} trials of {self.seconds_each:g} s each; {place}.\n"
        )

    def write(self, folder: Path) -> None:
        write(folder / JSON, json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n")
        write(folder / MARKDOWN, self.markdown())


def run(trials: int, seconds: float, functions: Sequence[str] = FUNCTIONS, beside: int = 1) -> Iterator[Calibration]:
    """Each kind of trial by turns, `trials` times, so that a busy minute hits all alike; yields what there is after each.

    Args:
        seconds: for one trial of one method.
        beside: pytest-benchmark takes part in one of so many trials; it takes three times as long as parity.

    Raises:
        InputError: pytest-benchmark is not installed.
    """
    check_installed()
    turns = [
        (number, function, what)
        for number in range(trials)
        for function in functions
        for what in TURNS
        if what != OTHER or number % beside == 0
    ]
    began, found = time.monotonic(), list[Trial]()
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    before, place = os.getloadavg(), {**environment(), "processor": processor(), "commit": commit()}

    def so_far(done: int, doing: str) -> Calibration:
        elapsed, load = time.monotonic() - began, (before, os.getloadavg())
        return Calibration(trials, seconds, tuple(found), done, len(turns), doing, started, elapsed, load, place)

    yield so_far(0, "compiling")
    with programs(functions) as calls:
        for done, (number, function, what) in enumerate(turns):
            yield so_far(done, f"trial {number + 1} of {trials}: {function}, {what}")
            if what == OTHER:
                found += by_pytest_benchmark(function, seconds)
            else:
                found.append(by_parity(calls[function], function, what, seconds))
    yield so_far(len(turns), "done")
