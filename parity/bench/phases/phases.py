"""Import, start of the compiler, compilation with an empty and with a filled cache on disk, first call, steady call, memory.

Each framework is measured in processes of its own, one after the other: COLD begins with an empty cache, WARM finds what COLD
left there, PEAK too. PEAK is apart because the settings of the allocator that the count needs made a warm compilation 30 %
slower. The caches are in a temporary folder; the user's are neither read nor written.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parity.bench.phases import stages
from parity.bench.phases.stages import COLD, PEAK, WARM
from parity.bench.settings import Settings
from parity.bench.supervision.errors import why
from parity.execution.backends import NAMES
from parity.execution.runner import COMPILE_PATIENCE
from parity.processes.peak import ENVIRONMENT
from parity.processes.watch import Limits
from parity.processes.worker import Worker, WorkerError

IMPORTS = 3
START = "start of the compiler"
_IMPORT = "import time; started = time.perf_counter(); import {}; print(time.perf_counter() - started)"
_STAGES = {COLD: "empty cache", WARM: "filled cache", PEAK: "memory"}
# What the cache on disk must have done, so that a compilation was cold or warm.
_PROVEN: Mapping[str, Callable[[int, int], bool]] = {
    COLD: lambda hits, misses: misses > 0 and not hits,
    WARM: lambda hits, misses: hits > 0 and not misses,
}

Wanted = tuple[str, str, str]
Progress = Callable[[str], None]


@dataclass
class _Phases:
    """What is known of one subject in one framework: a row of the report that is being filled in."""

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
            # The process with the filled cache comes last: it had no compiler at work beside it.
            self.row |= {name: answer[name] for name in ("first_call_s", "steady_s")}
            if _PROVEN[stage](answer["hits"], answer["misses"]):
                self.row[f"{stage}_s"] = answer["compile_s"]
            else:
                found = f"{answer['hits']} hits and {answer['misses']} misses of the cache on disk"
                self.problems.append(f"{stage}_s: not shown to be {stage}, {found}")

    def done(self) -> dict[str, Any]:
        return self.row | {"message": "; ".join(self.problems)}


def run(
    subjects: Sequence[Wanted],
    settings: Settings,
    progress: Progress,
    folder: Path | None = None,
    sizes: Mapping[str, Mapping[str, int]] | None = None,
) -> Iterator[dict[str, Any]]:
    """The phases of each subject in each framework, as rows of the report (`phases` in `bench.json`).

    A process that dies, raises or hangs costs the subject that it was at, whose row says so; the others go on in a new one.

    Args:
        subjects: (operation, kind, dtype) of each.
        settings: `timeout_s` holds for a call; a subject in a stage, and the start of a compiler, may take COMPILE_PATIENCE
            times as long.
        progress: told what is measured next.
        folder: where the temporary folder is made; by default where the system has its own.
        sizes: operation → axis letter → size; by default those of `parity.bench.subjects.sizes`.

    Yields:
        `import_s`: `import` of the framework in a fresh process, the median of IMPORTS, by turns; `start_s`: the first
        compilation (x + 1) in the process with the empty cache; `cold_s` and `warm_s`: tracing and compilation with the empty
        and the filled cache, in JAX by themselves, in torch the first call less a steady one; `first_call_s`: of what was
        compiled, in torch the second call in the process; `steady_s`: median of some calls, all in seconds; `peak_bytes`: most
        memory during a call above what is held before. None for what is not known; `message` says why.
    """
    with tempfile.TemporaryDirectory(prefix="parity-phases-", dir=folder, ignore_cleanup_errors=True) as name:
        imports, problems = _import_seconds(settings, Path(name), progress)
        for backend in NAMES:
            found = [
                _Phases(_blank(backend, subject, imports[backend]), list(problems[backend])) for subject in subjects
            ]
            assigned = [(*subject, (sizes or {}).get(subject[0])) for subject in subjects]
            yield from _of_framework(backend, assigned, found, settings, Path(name), progress)


def _of_framework(
    backend: str,
    subjects: Sequence[tuple[str, str, str, Mapping[str, int] | None]],
    found: Sequence[_Phases],
    settings: Settings,
    folder: Path,
    progress: Progress,
) -> Iterator[dict[str, Any]]:
    """Every stage; a row is given away once nothing more can come to it."""
    names = [COLD, WARM]
    if settings.device == "cpu" and sys.platform == "linux":
        names.append(PEAK)
    else:
        for phases in found:
            phases.problems.append("peak_bytes is counted on the CPU and on Linux only")
    for stage in names:
        left = [number for number, phases in enumerate(found) if not phases.is_lost]
        while left:
            assigned = [subjects[number] for number in left]
            try:
                for answer in _answers(backend, stage, assigned, settings, folder, progress):
                    if "start_s" in answer:
                        for phases in found:
                            # A second process no longer begins with an empty cache: the first one counts.
                            phases.row["start_s"] = phases.row["start_s"] or answer["start_s"]
                        continue
                    phases = found[left.pop(0)]
                    phases.add(stage, answer)
                    if phases.is_lost or stage == names[-1]:
                        yield phases.done()
            except WorkerError as lost:  # it does not even start, and would not for the others
                for number in left:
                    found[number].add(stage, {"message": f"{START}: {lost}"})
                    yield found[number].done()
                break


def _answers(
    backend: str,
    stage: str,
    subjects: Sequence[tuple[str, str, str, Mapping[str, int] | None]],
    settings: Settings,
    folder: Path,
    progress: Progress,
) -> Iterator[Mapping[str, Any]]:
    """What one process answers, `start_s` first, up to the subject that it fails at; WorkerError if it does not start."""
    where, limits = f"{backend}, {_STAGES[stage]}", Limits(lambda stage: COMPILE_PATIENCE * settings.timeout_s)
    kinds = sorted({kind for _, kind, _, _ in subjects}) if stage != PEAK else []
    with Worker(_environment(settings, folder / backend, stage), folder / f"{backend}-{stage}.log") as worker:
        progress(f"{where}: {START}")
        try:
            yield {"start_s": worker.call(stages.start, backend, kinds, limits=limits)}
        except WorkerError:
            raise
        except Exception as error:
            raise WorkerError(why(error)) from error
        for subject in subjects:
            progress(f"{where}: {' '.join(subject[:3])}")
            try:
                answer = worker.call(stages.attempted, stage, backend, settings.device, *subject, limits=limits)
            except WorkerError as lost:
                answer = {"message": str(lost)}
            yield answer
            if "message" in answer:
                return


def _import_seconds(
    settings: Settings, folder: Path, progress: Progress
) -> tuple[dict[str, float | None], dict[str, list[str]]]:
    """Framework → seconds of its import, and why they are not known."""
    seconds: dict[str, list[float]] = {name: [] for name in NAMES}
    problems: dict[str, list[str]] = {name: [] for name in NAMES}
    limit_s = COMPILE_PATIENCE * settings.timeout_s
    with Worker(_environment(settings, folder / "import", COLD)) as worker:
        for turn in range(IMPORTS):
            for name in NAMES if turn % 2 == 0 else NAMES[::-1]:
                if problems[name]:
                    continue
                progress(f"{name}: import {turn + 1} of {IMPORTS}")
                try:
                    seconds[name].append(float(worker.call(stages.printed, _IMPORT.format(name), limit_s).strip()))
                except subprocess.CalledProcessError as error:
                    problems[name].append(f"import: {(error.stderr.strip().splitlines() or [str(error)])[-1]}")
                except (OSError, subprocess.TimeoutExpired, ValueError) as error:
                    problems[name].append(f"import: {error}")
    medians = {name: None if problems[name] else statistics.median(seconds[name]) for name in NAMES}
    return medians, problems


def _environment(settings: Settings, cache: Path, stage: str) -> dict[str, str]:
    """Of a process: the number of threads, and caches on disk which nobody else uses."""
    return {
        **settings.variables(),
        "JAX_COMPILATION_CACHE_DIR": str(cache / "jax"),
        # JAX's default of one second would leave out every small kernel.
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
        "TRITON_CACHE_DIR": str(cache / "triton"),
        **(ENVIRONMENT if stage == PEAK else {}),
    }


def _blank(backend: str, subject: Wanted, import_s: float | None) -> dict[str, Any]:
    unknown = dict.fromkeys(("start_s", "cold_s", "warm_s", "first_call_s", "steady_s", "peak_bytes"))
    return {
        "backend": backend,
        **dict(zip(("op", "kind", "dtype"), subject, strict=True)),
        "import_s": import_s,
        **unknown,
    }
