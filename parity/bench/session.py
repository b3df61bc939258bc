"""One comparison in this process: parity first, then the clock, then a look whether the results are still the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from parity.bench.machine import gpu
from parity.bench.results import FAILED, Comparison, Row, ratio_dict
from parity.bench.rows import timed_row
from parity.bench.settings import Settings
from parity.bench.subjects.candidates import BASE, COMPILED, CONTROL, Candidate, candidates
from parity.bench.subjects.entry import Entry, frameworks, ready
from parity.bench.subjects.flops import work
from parity.bench.subjects.gate import Gate, gate
from parity.bench.subjects.subject import Subject
from parity.bench.supervision.errors import why
from parity.bench.timing.cache_flush import evictor
from parity.bench.timing.clock import Call, Samples, alternate
from parity.bench.timing.host_load import elsewhere
from parity.bench.timing.interval import paired_ratio
from parity.bench.timing.normalizer import YARDSTICK, yardstick

# Told what is going on: a stage, and the candidate that it is about.
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
    """Judges the subject, then times its candidates by turns.

    Args:
        stage: told before each stage, so that another process can tell what hangs.
        broken: candidates that are not tried, and why: they took an earlier process with them.
        wanted: which of the candidates.

    Returns:
        What was found, and the samples behind it; None if nothing was timed.
    """
    stage(PARITY, "")
    found = gate(subject, settings.timeout_s, settings.device)
    judged = {"passed": not found.message, "verdict": str(found.verdict), "message": found.message}
    blank = Comparison(subject.op, subject.kind, subject.dtype, dict(subject.sizes or {}), BASE, judged)
    if found.message:
        return replace(blank, message=f"failed parity: {found.message}"), None
    with frameworks(subject.dtype, settings.device) as compilations:
        rows, entries = _entries(
            subject, settings, found, filter(wanted, candidates(subject)), stage, broken or {}, compilations
        )
        if BASE not in entries:
            return _without_base(blank, rows), None
        needed = work(subject)
        with elsewhere() as others:
            samples, recompilations = _timed(settings, entries, rows, stage, compilations)
        if samples is None:
            return _without_base(blank, rows), None
        states = gpu.state() if settings.device == "cuda" else ()
        for name, entry in entries.items():
            stage(LAST_LOOK, name)
            problem = _changed(entry, subject.dtype)
            if problem:
                rows[name] = replace(rows[name], message=problem)
            else:
                made = recompilations.get(name, 0)
                rows[name] = timed_row(rows[name], samples, settings, entry, made, needed, others(), gpu.slowed(states))
    control = paired_ratio(*samples.pairs(CONTROL, BASE), settings.confidence)
    return (
        replace(
            blank,
            candidates=tuple(rows.values()),
            control={"of": BASE, "ratio": ratio_dict(control)},
            work=needed,
            rounds=max(map(len, samples.seconds.values())),
            seconds=samples.elapsed_s,
            stopped=samples.stopped,
            busy_elsewhere=others(),
            gpu=states,
        ),
        samples,
    )


def _entries(
    subject: Subject,
    settings: Settings,
    found: Gate,
    chosen: Iterable[Candidate],
    stage: Stage,
    broken: Mapping[str, str],
    compilations: Mapping[str, Callable[[], int]],
) -> tuple[dict[str, Row], dict[str, Entry]]:
    """A row for each candidate, and what is ready to be timed."""
    rows: dict[str, Row] = {}
    entries: dict[str, Entry] = {}
    for candidate in chosen:
        name = candidate.name
        rows[name] = Row(name, candidate.backend, candidate.mode, FAILED)
        if name in broken:
            rows[name] = replace(rows[name], message=broken[name])
            continue
        stage(COMPILE if candidate.mode == "compiled" else FIRST_CALL, name)
        try:
            entry = ready(candidate, subject, settings.device, compilations[candidate.backend])
            problem = found.judge(entry.first) or _changed(entry, subject.dtype)
        except (Exception, SystemExit) as error:
            problem = why(error)
        if problem:
            rows[name] = replace(rows[name], message=problem)
        else:
            rows[name] = replace(rows[name], parity=str(found.verdict))
            entries[name] = entry
    return rows, entries


def _changed(entry: Entry, dtype: str) -> str:
    try:
        return entry.changed(dtype)
    except (Exception, SystemExit) as error:
        return why(error)


def _timed(
    settings: Settings,
    entries: dict[str, Entry],
    rows: dict[str, Row],
    stage: Stage,
    compilations: Mapping[str, Callable[[], int]],
) -> tuple[Samples | None, Mapping[str, int]]:
    """The samples of all entries, and how often each was compiled while it was timed.

    One that raises meanwhile becomes a row that says so, and the others start again. No samples if it was the base.
    """
    latest, made, seen = "", dict.fromkeys(entries, 0), 0

    def total() -> int:
        return sum(count() for count in compilations.values())

    def attribute() -> None:
        nonlocal seen
        seen, since = total(), seen
        if latest in made:
            made[latest] += seen - since

    def before(name: str) -> None:
        nonlocal latest
        attribute()
        latest = BASE if name == CONTROL else name
        stage(TIMING, name)

    while BASE in entries:
        calls: dict[str, Call] = {name: entry.call for name, entry in entries.items()}
        groups = {name: entry.candidate.backend for name, entry in entries.items()}
        try:
            seen = total()
            samples = alternate(
                calls | {CONTROL: entries[BASE].call, YARDSTICK: yardstick(settings.device)},
                budget_s=settings.budget_s,
                is_enough=lambda samples: _are_narrow(samples, settings),
                groups=groups | {CONTROL: "jax", YARDSTICK: "torch"},
                seldom=set(entries) - {*COMPILED.values()},
                before=before,
                evict=evictor(settings.device) if settings.cold else None,
            )
            attribute()
            return samples, made
        except (Exception, SystemExit) as error:
            if latest not in entries:
                raise
            del entries[latest]
            rows[latest] = replace(rows[latest], message=f"while it was timed: {why(error)}")
            latest = ""
    return None, made


def _without_base(blank: Comparison, rows: Mapping[str, Row]) -> Comparison:
    words = f"{BASE}, which everything is compared with, cannot be timed: {rows[BASE].message}"
    untimed = (replace(row, message=row.message or f"not timed, since {BASE} was not") for row in rows.values())
    return replace(blank, message=words, candidates=tuple(untimed))


def _are_narrow(samples: Samples, settings: Settings) -> bool:
    """Is every interval as narrow as was asked for?"""
    others = [name for name in samples.seconds if name not in (BASE, YARDSTICK)]
    ratios = [paired_ratio(*samples.pairs(name, BASE), settings.confidence) for name in others]
    return all(ratio.half_width <= settings.precision for ratio in ratios)
