"""The tasks of a benchmark and their results: what bench.json holds, and what a resumed run takes over from it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from parity import ops
from parity.bench import results
from parity.bench.phases.run import PhasesTask
from parity.bench.results import label
from parity.bench.scaling import sweep as scaling
from parity.bench.scaling.sweep import Sweep
from parity.bench.settings import Settings
from parity.bench.subjects.subject import kinds
from parity.bench.supervision.task import Task
from parity.errors import InputError
from parity.judge.serialize import plain
from parity.processes.files import write
from parity.sides import SIDES

SCHEMA = "parity-bench/1"
FILE = "bench.json"


@dataclass(frozen=True)
class LimitsTask:
    """Measures the peak rates of the machine in this dtype."""

    dtype: str

    @property
    def name(self) -> str:
        """`limits float32`."""
        return f"limits {self.dtype}"


AnyTask = LimitsTask | Task | PhasesTask


@dataclass
class Bench:
    """A plan, and the results so far.

    Attributes:
        comparisons, sweeps, phases: what is measured.
        started: date and time of the first run; `seconds`: of all runs.
        environment: where it ran; empty before the first run.
        results: name of a task → its result. A task that is here is not measured again.
    """

    settings: Settings
    comparisons: Sequence[Task]
    sweeps: Sequence[Sweep] = ()
    phases: Sequence[PhasesTask] = ()
    started: str = ""
    seconds: float = 0.0
    environment: dict[str, Any] = field(default_factory=dict)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def limits(self) -> list[LimitsTask]:
        """One task for each dtype."""
        return [LimitsTask(dtype) for dtype in dict.fromkeys(task.dtype for task in self.comparisons)]

    @cached_property
    def tasks(self) -> dict[str, AnyTask]:
        """Every task by its name, in order. Sweeps that cross share a task."""
        points = [sweep.task(size) for sweep in self.sweeps for size in sweep.sizes]
        tasks: list[AnyTask] = [*self.limits, *self.comparisons, *points, *self.phases]
        return {task.name: task for task in tasks}

    @property
    def missing(self) -> dict[str, AnyTask]:
        """The tasks without a result."""
        return {name: task for name, task in self.tasks.items() if name not in self.results}

    @property
    def done(self) -> float:
        """The share of the tasks that have a result."""
        return 1 - len(self.missing) / max(1, len(self.tasks))

    @property
    def complete(self) -> bool:
        """Every task has a result."""
        return not self.missing

    @property
    def passed(self) -> bool:
        """Complete, and both compilers were timed in each comparison."""
        compared = self._of(self.comparisons)
        return self.complete and bool(compared) and all(map(results.passed, compared))

    def _of(self, tasks: Sequence[AnyTask]) -> list[dict[str, Any]]:
        return [self.results[task.name] for task in tasks if task.name in self.results]

    def _points(self, sweep: Sweep) -> dict[int, dict[str, Any]]:
        names = {size: sweep.task(size).name for size in sweep.sizes}
        return {size: self.results[name] for size, name in names.items() if name in self.results}

    def to_dict(self) -> dict[str, Any]:
        """The content of bench.json."""
        return {
            "schema": SCHEMA,
            "complete": self.complete,
            "passed": self.passed,
            "started": self.started,
            "seconds": round(self.seconds, 1),
            "selected": list(dict.fromkeys(task.op for task in self.comparisons)),
            "settings": self.settings.to_dict(),
            "environment": plain(self.environment),
            "limits": {task.dtype: plain(self.results[task.name]) for task in self.limits if task.name in self.results},
            "comparisons": self._of(self.comparisons),
            "phases": plain(self._of(self.phases)),
            "scaling": [
                plain(scaling.assembled(sweep, points)) for sweep in self.sweeps if (points := self._points(sweep))
            ],
        }

    def write(self, folder: Path) -> None:
        """Writes bench.json."""
        write(folder / FILE, json.dumps(self.to_dict(), indent=2, allow_nan=False, ensure_ascii=False) + "\n")

    def resume(self, folder: Path) -> None:
        """Takes over the results of an earlier run with the same settings; does nothing if there is none in `folder`.

        Raises:
            InputError: the settings differ, or the file cannot be read. `run` checks the machine.
        """
        path = folder / FILE
        if not path.exists():
            return
        try:
            old = json.loads(path.read_text(encoding="utf-8"))
            _refuse(old, self.settings, path)
            self.started, self.seconds, self.environment = old["started"], old["seconds"], old["environment"]
            self.results = _results(old)
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"--resume: cannot read {path} ({error!r}); leave --resume out to start again") from error


def _refuse(old: Mapping[str, Any], settings: Settings, path: Path) -> None:
    """Raises InputError if an earlier run cannot go on with these settings."""
    if old["schema"] != SCHEMA:
        raise InputError(f"--resume: {path} has the schema {old['schema']!r}, expected {SCHEMA!r}; start again")
    for key, value in settings.to_dict().items():
        if old["settings"].get(key) != value:
            difference = f"{path} was made with {key} = {old['settings'].get(key)!r}, now it is {value!r}"
            raise InputError(f"--resume: {difference}; give the same options, or leave --resume out to start again")


def _results(old: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The results in bench.json by the names of their tasks. Limits that could not be measured are left out."""
    return {
        **{LimitsTask(dtype).name: limits for dtype, limits in old["limits"].items() if limits},
        **{label(one["op"], one["kind"], one["dtype"], {}): one for one in old["comparisons"]},
        **{name: point for sweep in old["scaling"] for name, point in scaling.stored(sweep).items()},
        **{PhasesTask(row["backend"], row["op"], row["kind"], row["dtype"]).name: row for row in old["phases"]},
    }


def planned(
    names: Sequence[str], dtypes: Sequence[str], settings: Settings, *, sweeps: bool, with_phases: bool
) -> Bench:
    """The benchmark of the built-in operations with these names, by default of all.

    Raises:
        InputError: there is no operation of such a name.
    """
    for name in names:
        if name not in ops.names():
            raise InputError(
                f"SELECT: got {name!r}, expected some of {', '.join(ops.names())}, or two functions module:function"
            )
    selected = [ops.load(name) for name in ops.names() if not names or name in names]
    selected_names = {op.name for op in selected}
    return Bench(
        settings,
        [Task(op.name, kind, dtype) for op in selected for dtype in dtypes for kind in kinds(op)],
        [replace(sweep, dtype=dtypes[0]) for sweep in scaling.SWEEPS if sweeps and sweep.op in selected_names],
        # Forward and backward together: an empty cache costs seconds for each task.
        [PhasesTask(side, op.name, kinds(op)[-1], dtypes[0]) for side in SIDES for op in selected if with_phases],
    )
