"""A whole benchmark: the machine, the comparisons, how cost grows, the phases. Written as it comes; a stopped one goes on."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from parity import ops
from parity.bench import results
from parity.bench.machine.environment import load, same_place, same_programs
from parity.bench.machine.roofline import share_of_limit
from parity.bench.phases import phases
from parity.bench.scaling import sweep as scaling
from parity.bench.scaling.sweep import Sweep
from parity.bench.settings import Settings
from parity.bench.subjects.subject import kinds
from parity.bench.supervision.supervise import Supervisor
from parity.bench.supervision.task import Task
from parity.errors import InputError
from parity.judge.serialize import plain
from parity.processes.files import write

SCHEMA = "parity-bench/1"
FILE = "bench.json"

# What is going on, a fraction of the whole that is done.
Progress = Callable[[str, float], None]


@dataclass
class Bench:
    """A plan, and what is finished of it, in the words of `bench.json`.

    Attributes:
        points: those of each sweep, by its name.
        phase_subjects: op, kind and dtype of what is compiled in processes of its own.
    """

    settings: Settings
    tasks: Sequence[Task]
    sweeps: Sequence[Sweep] = ()
    phase_subjects: Sequence[tuple[str, str, str]] = ()
    started: str = ""
    seconds: float = 0.0
    environment: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, dict[str, Any]] = field(default_factory=dict)
    comparisons: dict[str, dict[str, Any]] = field(default_factory=dict)
    points: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    phases: list[dict[str, Any]] = field(default_factory=list)
    complete: bool = False

    @property
    def passed(self) -> bool:
        """Everything was done, and both compilers were timed in each comparison."""
        return self.complete and bool(self.comparisons) and all(map(results.passed, self.comparisons.values()))

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "complete": self.complete,
            "passed": self.passed,
            "started": self.started,
            "seconds": round(self.seconds, 1),
            "selected": list(dict.fromkeys(task.op for task in self.tasks)),
            "settings": self.settings.to_dict(),
            "environment": plain(self.environment),
            "limits": plain(self.limits),
            "comparisons": [self.comparisons[task.name] for task in self.tasks if task.name in self.comparisons],
            "phases": plain(self.phases),
            "scaling": [
                plain(scaling.assembled(sweep, self.points[sweep.name]))
                for sweep in self.sweeps
                if self.points.get(sweep.name)
            ],
        }

    def write(self, folder: Path) -> None:
        write(folder / FILE, json.dumps(self.to_dict(), indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def planned(
    names: Sequence[str], dtypes: Sequence[str], settings: Settings, *, sweeps: bool, with_phases: bool
) -> Bench:
    """Everything for the built-in operations of these names; for all of them without a name."""
    for name in names:
        if name not in ops.names():
            raise InputError(
                f"SELECT: got {name!r}, expected some of {', '.join(ops.names())}, or two functions module:function"
            )
    chosen = [ops.load(name) for name in ops.names() if not names or name in names]
    tasks = [Task(op.name, kind, dtype) for op in chosen for dtype in dtypes for kind in kinds(op)]
    ours = {op.name for op in chosen}
    return Bench(
        settings,
        tasks,
        [replace(sweep, dtype=dtypes[0]) for sweep in scaling.SWEEPS if sweeps and sweep.op in ours],
        # Forward and backward as a whole; an empty cache costs seconds for each.
        [(op.name, kinds(op)[-1], dtypes[0]) for op in chosen if with_phases],
    )


def run(bench: Bench, folder: Path, progress: Progress) -> Iterator[None]:
    """Works through the plan; after each step that it yields, what was found is in `bench` and in `folder`.

    Raises:
        InputError: what an earlier run found, which this one goes on with, was measured elsewhere or of other programs.
    """
    began, before = time.monotonic(), bench.seconds
    bench.started = bench.started or datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    total = 1 + len(bench.tasks) + sum(len(sweep.sizes) for sweep in bench.sweeps) / 3 + len(bench.phase_subjects)
    done = 0.0

    def told(words: str) -> None:
        progress(words, done / total)

    def kept() -> None:
        bench.seconds = before + time.monotonic() - began
        bench.write(folder)

    doing = ""
    with Supervisor(
        bench.settings, folder, lambda stage, candidate: told(f"{doing}: {stage} {candidate}".rstrip())
    ) as worker:
        told("starting")
        environment = worker.environment()
        if bench.environment:
            _refuse_another(bench.environment, environment)
        # The load before stays that of the beginning.
        bench.environment = environment | {"load": bench.environment.get("load", environment["load"])}
        for dtype in dict.fromkeys(task.dtype for task in bench.tasks):
            doing = f"limits of the machine in {dtype}"
            if not bench.limits.get(dtype):
                bench.limits[dtype] = worker.limits(dtype)
        done += 1
        kept()
        yield
        for task in bench.tasks:
            doing = task.name
            if task.name not in bench.comparisons:
                found = worker.measure(task)
                bench.comparisons[task.name] = _with_shares(found, bench.limits.get(task.dtype, {}))
                kept()
                yield
            done += 1
        known: dict[str, dict[str, Any]] = {}  # sweeps cross each other
        for sweep in bench.sweeps:
            points = bench.points.setdefault(sweep.name, [])
            for size, task in scaling.points(sweep):
                doing = f"{sweep.name} = {size}"
                if size not in [point["size"] for point in points]:
                    if str(task) not in known:
                        known[str(task)] = worker.measure(task)
                    points.append(scaling.point(size, known[str(task)]))
                    kept()
                    yield
                done += 1 / 3
    missing = [subject for subject in bench.phase_subjects if not _has_phases(bench, subject)]
    if missing:
        bench.phases = [row for row in bench.phases if (row["op"], row["kind"], row["dtype"]) not in missing]
        for row in phases.run(missing, bench.settings, told, folder):
            bench.phases.append(row)
            done = min(total, done + 0.5)
            kept()
            yield
    bench.complete = True
    bench.environment["load"] = [bench.environment["load"][0], load()]
    kept()
    yield


def _refuse_another(earlier: Mapping[str, Any], environment: Mapping[str, Any]) -> None:
    different = same_place(environment, earlier) or same_programs(environment, earlier)
    if different:
        raise InputError(f"--resume: the earlier run is another's: {different}; leave --resume out to start again")


def _has_phases(bench: Bench, subject: tuple[str, str, str]) -> bool:
    found = [row["backend"] for row in bench.phases if (row["op"], row["kind"], row["dtype"]) == subject]
    return set(found) == {"jax", "torch"}


def _with_shares(comparison: dict[str, Any], limits: Mapping[str, Any]) -> dict[str, Any]:
    for row in comparison["candidates"]:
        if row["seconds"] and limits and comparison["work"]:
            row["share_of_limit"] = share_of_limit(comparison["work"], row["seconds"]["median"], dict(limits))
    return comparison


def resume(bench: Bench, folder: Path) -> None:
    """Takes over what an earlier run with the same settings left in `folder`; nothing if there is none.

    Raises:
        InputError: it was made with other settings, or cannot be read. Whether it was made elsewhere is seen by `run`.
    """
    path = folder / FILE
    if not path.exists():
        return
    try:
        old = json.loads(path.read_text(encoding="utf-8"))
        same = old["schema"] == SCHEMA
        for key, value in bench.settings.to_dict().items():
            if same and old["settings"].get(key) != value:
                words = f"{path} was made with {key} = {old['settings'].get(key)!r}, now it is {value!r}"
                raise InputError(f"--resume: {words}; give the same options, or leave --resume out to start again")
        if not same:
            raise InputError(f"--resume: {path} has the schema {old['schema']!r}, expected {SCHEMA!r}; start again")
        bench.started, bench.seconds = old["started"], old["seconds"]
        bench.environment, bench.limits = old["environment"], old["limits"]
        bench.comparisons = {f"{one['op']} {one['kind']} {one['dtype']}": one for one in old["comparisons"]}
        bench.points = {scaling.name(one): one["points"] for one in old["scaling"]}
        bench.phases = old["phases"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"--resume: cannot read {path} ({error!r}); leave --resume out to start again") from error
