"""One comparison in this process: parity first, then the clock, then a check that the results are still the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from parity.bench.candidate_result import timed_result
from parity.bench.errors import why
from parity.bench.machine import gpu
from parity.bench.results import FAILED, CandidateResult, Comparison, ratio_dict
from parity.bench.settings import Settings
from parity.bench.subjects.candidates import BASE, CONTROL, Candidate, candidates
from parity.bench.subjects.flops import cost
from parity.bench.subjects.gate import Gate, gate
from parity.bench.subjects.ready import ReadyCandidate, frameworks, prepare
from parity.bench.subjects.subject import Subject
from parity.bench.timing.cache_flush import cache_flush
from parity.bench.timing.clock import Call, Samples, alternate
from parity.bench.timing.host_load import host_load
from parity.bench.timing.interval import paired_ratio
from parity.bench.timing.normalizer import NORMALIZER, normalizer
from parity.sides import COMPILERS, JAX, TORCH

# Called with a stage and the name of the candidate that it is about; empty for none.
Stage = Callable[[str, str], None]
PARITY, COMPILE, FIRST_CALL, TIMING, LAST_LOOK = "parity", "compile", "first call", "timing", "last look"


def measure(
    subject: Subject,
    settings: Settings,
    *,
    stage: Stage = lambda stage, candidate: None,
    broken: Mapping[str, str] | None = None,
    wanted: Callable[[Candidate], bool] = lambda candidate: True,
) -> tuple[Comparison, Samples | None]:
    """Checks the parity of the subject, then times its candidates by turns.

    Args:
        stage: called before each stage, so that a supervisor knows what hangs.
        broken: candidate → why it is skipped: it ended an earlier process.
        wanted: selects candidates.

    Returns:
        The comparison, and its samples; None if nothing was timed.
    """
    stage(PARITY, "")
    judged = gate(subject, settings.timeout_s, settings.device)
    parity = {"passed": not judged.message, "verdict": str(judged.verdict), "message": judged.message}
    blank = Comparison(subject.op, subject.kind, subject.dtype, dict(subject.sizes or {}), BASE, parity)
    if judged.message:
        return replace(blank, message=f"failed parity: {judged.message}"), None
    with frameworks(subject.dtype, settings.device) as compilations:
        chosen = filter(wanted, candidates(subject))
        rows, ready = _prepared(subject, settings, judged, chosen, stage, broken or {}, compilations)
        if BASE not in ready:
            return _without_base(blank, rows), None
        needed = cost(subject)
        with host_load() as load:
            samples, recompilations = _timed(settings, ready, rows, stage, compilations)
        if samples is None:
            return _without_base(blank, rows), None
        gpus = gpu.state() if settings.device == "cuda" else ()
        for name, one in ready.items():
            stage(LAST_LOOK, name)
            if problem := _changed(one, subject.dtype):
                rows[name] = replace(rows[name], message=problem)
            else:
                rows[name] = timed_result(
                    rows[name], samples, settings, one, recompilations[name], needed, load(), gpu.slowed(gpus)
                )
    control = paired_ratio(*samples.pairs(CONTROL, BASE), settings.confidence)
    comparison = replace(
        blank,
        candidates=tuple(rows.values()),
        control={"of": BASE, "ratio": ratio_dict(control)},
        cost=needed,
        rounds=max(map(len, samples.seconds.values())),
        seconds=samples.elapsed_s,
        stopped=samples.stopped,
        host_load=load(),
        gpu=gpus,
    )
    return comparison, samples


def _prepared(
    subject: Subject,
    settings: Settings,
    judged: Gate,
    chosen: Iterable[Candidate],
    stage: Stage,
    broken: Mapping[str, str],
    compilations: Mapping[str, Callable[[], int]],
) -> tuple[dict[str, CandidateResult], dict[str, ReadyCandidate]]:
    """A result for each candidate, failed so far, and the candidates that are ready to be timed."""
    rows: dict[str, CandidateResult] = {}
    ready: dict[str, ReadyCandidate] = {}
    for candidate in chosen:
        name = candidate.name
        problem = broken.get(name, "")
        if not problem:
            stage(COMPILE if candidate.mode == "compiled" else FIRST_CALL, name)
            try:
                ready[name] = prepare(candidate, subject, settings.device, compilations[candidate.backend])
                problem = judged.judge(ready[name].first) or _changed(ready[name], subject.dtype)
            except (Exception, SystemExit) as error:
                problem = why(error)
        if problem:
            ready.pop(name, None)
        parity = "" if problem else str(judged.verdict)
        rows[name] = CandidateResult(name, candidate.backend, candidate.mode, FAILED, problem, parity)
    return rows, ready


def _changed(candidate: ReadyCandidate, dtype: str) -> str:
    try:
        return candidate.changed(dtype)
    except (Exception, SystemExit) as error:
        return why(error)


def _timed(
    settings: Settings,
    ready: dict[str, ReadyCandidate],
    rows: dict[str, CandidateResult],
    stage: Stage,
    compilations: Mapping[str, Callable[[], int]],
) -> tuple[Samples | None, Mapping[str, int]]:
    """The samples of all candidates, and how often each was compiled while it was timed.

    A candidate that raises leaves `ready`, its row says why, and the others start again. No samples if it was the base.
    """
    latest, recompilations, seen = "", dict.fromkeys(ready, 0), 0

    def total() -> int:
        return sum(count() for count in compilations.values())

    def attribute() -> None:
        nonlocal seen
        seen, since = total(), seen
        if latest in recompilations:
            recompilations[latest] += seen - since

    def before(name: str) -> None:
        nonlocal latest
        attribute()
        latest = BASE if name == CONTROL else name
        stage(TIMING, name)

    while BASE in ready:
        calls: dict[str, Call] = {name: one.call for name, one in ready.items()}
        groups = {name: one.candidate.backend for name, one in ready.items()}
        try:
            seen = total()
            samples = alternate(
                calls | {CONTROL: ready[BASE].call, NORMALIZER: normalizer(settings.device)},
                budget_s=settings.budget_s,
                is_enough=lambda samples: _are_narrow(samples, settings),
                groups=groups | {CONTROL: JAX, NORMALIZER: TORCH},
                seldom=set(ready) - {*COMPILERS.values()},
                before=before,
                flush=cache_flush(settings.device) if settings.cold else None,
            )
            attribute()
            return samples, recompilations
        except (Exception, SystemExit) as error:
            if latest not in ready:
                raise
            del ready[latest]
            rows[latest] = replace(rows[latest], message=f"while it was timed: {why(error)}")
            latest = ""
    return None, recompilations


def _without_base(blank: Comparison, rows: Mapping[str, CandidateResult]) -> Comparison:
    message = f"the base of all ratios, {BASE}, cannot be timed: {rows[BASE].message}"
    untimed = (replace(row, message=row.message or f"not timed, because {BASE} was not") for row in rows.values())
    return replace(blank, message=message, candidates=tuple(untimed))


def _are_narrow(samples: Samples, settings: Settings) -> bool:
    """Is every interval as narrow as `settings.precision`?"""
    names = [name for name in samples.seconds if name not in (BASE, NORMALIZER)]
    ratios = [paired_ratio(*samples.pairs(name, BASE), settings.confidence) for name in names]
    return all(ratio.half_width <= settings.precision for ratio in ratios)
