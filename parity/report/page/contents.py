"""Turns the two files into the view that the template shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from parity.report.formatting import counted, listed, moment
from parity.report.page import machine, phases, results, roofline, scaling, speed, training, verdicts
from parity.report.page.ratios import ratio_picture
from parity.report.page.read import Source
from parity.report.page.results import Sentence
from parity.report.page.tables import Section

HOW_TO_READ = (
    Sentence(
        "A ", "ratio", " is the time of a candidate divided by that of its base: below 1 is faster, above 1 slower."
    ),
    Sentence("The ", "interval", " contains the true ratio with the confidence that the settings name."),
    Sentence(
        "The ", "A/A control", " times the base against itself. FASTER and SLOWER lie further from 1 than it does."
    ),
    Sentence("", "SAME", ": this interval and that of the control both lie within the margin around 1."),
    Sentence("", "CANNOT TELL", ": the measurement does not decide; more time or a quieter machine may."),
)


@dataclass(frozen=True)
class State:
    """The state of one file: `word`, then one sentence about it; `good` only if complete and passed."""

    title: str
    word: str
    sentence: str
    good: bool


@dataclass(frozen=True)
class Page:
    """Everything that the template shows, from top to bottom."""

    started: tuple[str, str, str] | None
    facts: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]
    states: tuple[State, ...]
    results: tuple[tuple[str, tuple[Sentence, ...]], ...]
    how_to_read: tuple[Sentence, ...]
    sections: tuple[Section, ...]


def page(run: Source, bench: Source) -> Page:
    """The view of `report.json` and `bench.json`; either may be absent or damaged."""
    speeds = bench.data
    sentences = []
    if run.data is not None:
        sentences.append(("Parity", tuple(results.parity_sentences(run.data))))
    if speeds is not None:
        sentences.append(("Speed", tuple(results.speed_sentences(speeds))))
    started = speeds["started"] if speeds is not None else None
    return Page(
        (started, moment(started), machine.duration(speeds)) if started else None,
        tuple(machine.facts(run.data, speeds)),
        tuple(f"{source.name}: {source.problem}" for source in (run, bench) if source.problem),
        (_state("Parity", run, _run_done(run), _run_failed), _state("Speed", bench, _bench_done(bench), _bench_failed)),
        tuple(sentences),
        HOW_TO_READ,
        (
            verdicts.section(run.data),
            _speed(speeds),
            scaling.section(_part(speeds, "scaling")),
            roofline.section(speeds),
            phases.section(_part(speeds, "phases")),
            training.section(run.data),
            phases.memory(_part(speeds, "phases")),
            machine.section(run.data, speeds),
        ),
    )


def _part(bench: dict[str, Any] | None, name: str) -> list[dict[str, Any]]:
    return bench[name] if bench is not None else []


def _speed(bench: dict[str, Any] | None) -> Section:
    name, title = "speed", "Speed"
    if bench is None or not bench["comparisons"]:
        return Section(name, title, missing="No speed was measured.", command="parity bench")
    drawn = ratio_picture(bench["comparisons"])
    return Section(name, title, pictures=(drawn,) if drawn else (), tables=(speed.table(bench["comparisons"]),))


def _run_done(run: Source) -> set[str]:
    return {report["name"] for report in run.data["reports"]} if run.data else set()


def _bench_done(bench: Source) -> set[str]:
    return {comparison["op"] for comparison in bench.data["comparisons"]} if bench.data else set()


def _run_failed(run: dict[str, Any]) -> str:
    findings = [finding for report in run["reports"] for finding in report["findings"]]
    failed = sum(not verdicts.passes(finding["verdict"]) for finding in findings)
    return f"{failed} of {counted(len(findings), 'comparison')} did not pass"


def _bench_failed(bench: dict[str, Any]) -> str:
    candidates = [one for comparison in bench["comparisons"] for one in comparison["candidates"]]
    untimed = sum(not any(one["seconds"] for one in comparison["candidates"]) for comparison in bench["comparisons"])
    failed = sum(one["status"] != "timed" for one in candidates)
    parts = [
        f"{count} of {counted(of, noun)} {state}"
        for count, of, noun, state in (
            (untimed, len(bench["comparisons"]), "comparison", "not timed"),
            (failed, len(candidates), "candidate", "failed"),
        )
        if count
    ]
    return ", ".join(parts) or "not everything passed"


def _state(title: str, source: Source, done: set[str], failed: Callable[[dict[str, Any]], str]) -> State:
    if source.problem:
        return State(title, "unknown", f"{source.name} cannot be used; run {source.command} again.", False)
    if source.data is None:
        return State(title, "not run", f"There is no {source.name}; {source.command} writes it.", False)
    if not source.data["complete"]:
        left = [name for name in source.data["selected"] if name not in done]
        missing = f" Not done: {listed(left)}." if left else ""
        return State(title, "incomplete", f"The run was stopped before it finished.{missing}", False)
    if not source.data["passed"]:
        return State(title, "failed", f"The run is complete; {failed(source.data)}.", False)
    return State(title, "passed", f"The run is complete: {listed(source.data['selected'])}.", True)
