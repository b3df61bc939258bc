"""The time before the first result and the memory of a call: import, start of the compiler, compilation with an empty and with a
filled cache on disk, first call, steady call, peak memory.

Each framework runs in processes of its own, one after the other: COLD starts with an empty cache, WARM and PEAK find what COLD
left there. PEAK is apart because the allocator settings that it needs made a warm compilation 30 % slower. The caches are in a
temporary folder; the user's are neither read nor written.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parity.bench.errors import why
from parity.bench.phases import stages
from parity.bench.phases.imports import import_seconds
from parity.bench.phases.stages import COLD, PEAK, WARM
from parity.bench.settings import Settings
from parity.execution.runner import COMPILE_PATIENCE
from parity.processes.peak import ENVIRONMENT
from parity.processes.watch import Limits
from parity.processes.worker import Worker, WorkerError
from parity.sides import JAX

START = "start of the compiler"
_STAGES = {COLD: "empty cache", WARM: "filled cache", PEAK: "memory"}
# The hits and misses of the cache on disk that prove a cold or a warm compilation.
_PROOF: Mapping[str, Callable[[int, int], bool]] = {
    COLD: lambda hits, misses: misses > 0 and not hits,
    WARM: lambda hits, misses: hits > 0 and not misses,
}

Progress = Callable[[str], None]


@dataclass(frozen=True)
class PhasesTask:
    """One subject in one framework.

    Attributes:
        sizes: axis letter → size; by default those of `parity.bench.subjects.sizes`.
    """

    backend: str
    op: str
    kind: str
    dtype: str
    sizes: Mapping[str, int] | None = None

    @property
    def name(self) -> str:
        """The same in every run of the same task."""
        return f"phases {self.op} {self.kind} {self.dtype} {self.backend}"


@dataclass
class _Phases:
    """The result of a task while it is filled in, and its problems so far."""

    task: PhasesTask
    row: dict[str, Any]
    problems: list[str] = field(default_factory=list)
    is_lost: bool = False

    def add(self, stage: str, answer: Mapping[str, Any]) -> None:
        if "message" in answer:
            self.is_lost = True
            self.problems.append(f"{_STAGES[stage]}: {answer['message']}")
        elif stage == PEAK:
            self.row["peak_bytes"] = answer["peak_bytes"]
        else:
            # The process with the filled cache comes last: no compiler was at work beside it.
            self.row |= {name: answer[name] for name in ("first_call_s", "steady_s")}
            if _PROOF[stage](answer["hits"], answer["misses"]):
                self.row[f"{stage}_s"] = answer["compile_s"]
            else:
                counts = f"{answer['hits']} hits and {answer['misses']} misses of the cache on disk"
                self.problems.append(f"{stage}_s: not shown to be {stage}, {counts}")

    def result(self) -> tuple[str, dict[str, Any]]:
        return self.task.name, self.row | {"message": "; ".join(self.problems)}


def run(
    tasks: Sequence[PhasesTask], settings: Settings, progress: Progress, folder: Path | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The phases of each task, as it is done: the name of the task, and its entry in `phases` of `bench.json`.

    A process that dies, raises or hangs costs the task that it was at, whose `message` says so; the others go on in a new one.

    Args:
        settings: `timeout_s` is for a call; a task in a stage, and the start of a compiler, may take COMPILE_PATIENCE times as
            long.
        progress: called with what is measured next.
        folder: where the temporary folder is made; by default the system's.

    Yields:
        `import_s`: `import` of the framework in a fresh process, median of IMPORTS; `start_s`: the first compilation (x + 1) in
        the process with the empty cache; `cold_s` and `warm_s`: tracing and compilation with the empty and the filled cache, for
        torch the first call less a steady one; `first_call_s`: of the compiled program, for torch the second call in the
        process; `steady_s`: median of some calls; all in seconds. `peak_bytes`: most memory during a call above what is held
        before. None for what is unknown; `message` says why.
    """
    if not tasks:
        return
    by_backend: dict[str, list[PhasesTask]] = {}
    for task in tasks:
        by_backend.setdefault(task.backend, []).append(task)
    with tempfile.TemporaryDirectory(prefix="parity-phases-", dir=folder, ignore_cleanup_errors=True) as name:
        environments = {backend: _environment(settings, Path(name) / backend, COLD) for backend in by_backend}
        imports, problems = import_seconds(environments, COMPILE_PATIENCE * settings.timeout_s, progress)
        for backend, ours in by_backend.items():
            rows = [_Phases(task, _blank(task, imports[backend]), list(problems[backend])) for task in ours]
            yield from _of_framework(backend, rows, settings, Path(name), progress)


def _of_framework(
    backend: str, rows: Sequence[_Phases], settings: Settings, folder: Path, progress: Progress
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every stage; a result is given away when nothing more can come to it."""
    names = [COLD, WARM]
    if settings.device == "cpu" and sys.platform == "linux":
        names.append(PEAK)
    else:
        for phases in rows:
            phases.problems.append("peak_bytes is measured on the CPU and on Linux only")
    for stage in names:
        left = [phases for phases in rows if not phases.is_lost]
        while left:
            try:
                for answer in _answers(backend, stage, [phases.task for phases in left], settings, folder, progress):
                    if "start_s" in answer:
                        for phases in rows:
                            # Only the first process starts with an empty cache.
                            phases.row["start_s"] = phases.row["start_s"] or answer["start_s"]
                        continue
                    phases = left.pop(0)
                    phases.add(stage, answer)
                    if phases.is_lost or stage == names[-1]:
                        yield phases.result()
            except WorkerError as error:  # it does not even start, and would not for the others
                for phases in left:
                    phases.add(stage, {"message": f"{START}: {error}"})
                    yield phases.result()
                break


def _answers(
    backend: str, stage: str, tasks: Sequence[PhasesTask], settings: Settings, folder: Path, progress: Progress
) -> Iterator[Mapping[str, Any]]:
    """The answers of one process: `start_s`, then one per task up to the one that fails. WorkerError if it does not start."""
    where, limits = f"{backend}, {_STAGES[stage]}", Limits(lambda stage: COMPILE_PATIENCE * settings.timeout_s)
    kinds = sorted({task.kind for task in tasks}) if stage != PEAK else []
    with Worker(_environment(settings, folder / backend, stage), folder / f"{backend}-{stage}.log") as worker:
        progress(f"{where}: {START}")
        try:
            yield {"start_s": worker.call(stages.start, backend, kinds, limits=limits)}
        except WorkerError:
            raise
        except Exception as error:
            raise WorkerError(why(error)) from error
        for task in tasks:
            progress(f"{where}: {task.op} {task.kind} {task.dtype}")
            arguments = (stage, backend, settings.device, task.op, task.kind, task.dtype, task.sizes)
            try:
                answer = worker.call(stages.attempted, *arguments, limits=limits)
            except WorkerError as error:
                answer = {"message": str(error)}
            yield answer
            if "message" in answer:
                return


def _environment(settings: Settings, cache: Path, stage: str) -> dict[str, str]:
    """The environment of a process: number of threads, and caches on disk that nobody else uses."""
    return {
        **settings.variables(),
        "JAX_COMPILATION_CACHE_DIR": str(cache / JAX),
        # JAX's default of one second would leave out every small kernel.
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
        "TRITON_CACHE_DIR": str(cache / "triton"),
        **(ENVIRONMENT if stage == PEAK else {}),
    }


def _blank(task: PhasesTask, import_s: float | None) -> dict[str, Any]:
    unknown = dict.fromkeys(("start_s", "cold_s", "warm_s", "first_call_s", "steady_s", "peak_bytes"))
    identity = {"backend": task.backend, "op": task.op, "kind": task.kind, "dtype": task.dtype}
    return identity | {"import_s": import_s} | unknown
