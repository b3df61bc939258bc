"""How often the clock is wrong: the results of trials with a known answer, for parity and for plain pytest-benchmark."""

from __future__ import annotations

import json
import math
import os
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
)
from parity.bench.timing.verdict import MARGIN
from parity.judge.serialize import plain
from parity.processes.files import write

SCHEMA = "parity-calibration/1"
JSON, MARKDOWN = "calibration.json", "calibration.md"
# Required shares of the trials: A/A ratios within the margin, and true slowdowns found.
WITHIN, FOUND = 0.99, 0.95
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
    "parity says FASTER or SLOWER by its own verdict; pytest-benchmark has none, so a ratio above 1.025 counts as slower "
    "and one below 1 / 1.025 as faster."
)


@dataclass(frozen=True)
class MethodResult:
    """All trials of one method on one function.

    Attributes:
        same, slower: number of trials of each kind.
        spread, worst: standard deviation of the A/A ratio and its largest distance from 1, as fractions; None without trials.
        beyond: A/A trials further from 1 than the margin.
        false_alarms: A/A trials with the verdict FASTER or SLOWER.
        found: trials of `slower` with the verdict SLOWER.
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
        """The row of the table, under `HEADINGS`."""
        spread, worst = (f"{100 * one:.2f} %" if one is not None else "" for one in (self.spread, self.worst))
        counts = (f"{one} of {self.same}" for one in (self.beyond, self.false_alarms))
        return self.method, self.function, spread, worst, *counts, f"{self.found} of {self.slower}"


@dataclass(frozen=True)
class Requirement:
    """What parity's clock has to achieve on one function.

    Attributes:
        count: trials with the right answer, of `trials`.
        share: of the trials that have to be right.
    """

    function: str
    words: str
    count: int
    trials: int
    share: float

    @property
    def met(self) -> bool:
        """False without trials."""
        return self.trials > 0 and self.count >= self.share * self.trials

    def __str__(self) -> str:
        state = "met" if self.met else "not met"
        return f"{state}: {self.function}: {self.words} in {self.count} of {self.trials}, target {100 * self.share:g} %"


@dataclass(frozen=True)
class Calibration:
    """The trials so far.

    Attributes:
        wanted: trials of each kind, function and method.
        seconds_each: time for one trial.
        done, total: turns.
        doing: what runs now.
        seconds: since the start.
        load: load averages of one, five and fifteen minutes, before and after.
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
        """All turns are done."""
        return self.done == self.total > 0

    @property
    def passed(self) -> bool:
        """Complete, and every requirement is met."""
        return self.complete and all(requirement.met for requirement in self.requirements())

    def rows(self) -> list[MethodResult]:
        """One for each method and function."""
        return [self._row(method, function) for method in METHODS for function in FUNCTIONS]

    def _row(self, method: str, function: str) -> MethodResult:
        ours = [one for one in self.trials if (one.method, one.function) == (method, function)]
        same, slower = ([one for one in ours if one.kind == kind] for kind in (SAME, SLOWER))
        logarithms = np.log([one.ratio for one in same])
        return MethodResult(
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

    def requirements(self) -> list[Requirement]:
        """Two for each function."""
        within = f"A/A within ± {100 * MARGIN:g} %"
        return [
            requirement
            for row in self.rows()
            if row.method == PARITY
            for requirement in (
                Requirement(row.function, within, row.same - row.beyond, row.same, WITHIN),
                Requirement(row.function, "a slowdown of 5 % found", row.found, row.slower, FOUND),
            )
        ]

    def to_dict(self) -> dict[str, Any]:
        """The content of calibration.json."""
        content: dict[str, Any] = plain(
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
                "targets": [{**vars(one), "met": one.met} for one in self.requirements()],
                "trials": [one.to_dict() for one in self.trials],
            }
        )
        return content

    def markdown(self) -> str:
        """The content of calibration.md: the table, its note, and the requirements."""
        state = "" if self.complete else f"Incomplete: {self.done} of {self.total} turns are done.\n\n"
        table = [HEADINGS, ("---",) * len(HEADINGS), *(row.cells for row in self.rows())]
        lines = "\n".join(f"| {' | '.join(cells)} |" for cells in table)
        requirements = "\n".join(f"- {one}" for one in self.requirements())
        load = " → ".join(f"{one[0]:.2f}" for one in self.load)
        place = f"processor: {self.environment.get('processor', '')}; load average of a minute: {load}"
        return (
            f"# The clock against known answers\n\n{state}{lines}\n\n{NOTE}\n\n{requirements}\n\n"
            f"{self.wanted} trials of {self.seconds_each:g} s each; {place}.\n"
        )

    def write(self, folder: Path) -> None:
        """Writes both files."""
        write(folder / JSON, json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n")
        write(folder / MARKDOWN, self.markdown())
