"""What a reader takes home: one plain sentence for each result."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from parity.report.formatting import counted, has_interval, interval, labels, listed, subject, times
from parity.report.page.training import accuracy
from parity.report.page.verdicts import passes, worst

_VERDICTS = {"FASTER": "faster", "SLOWER": "slower", "SAME": "equally fast", "CANNOT TELL": "not told apart"}


@dataclass(frozen=True)
class Sentence:
    """`before`, then `strong` for the eye, then `after`."""

    before: str = ""
    strong: str = ""
    after: str = ""


def parity_sentences(run: dict[str, Any]) -> list[Sentence]:
    findings = [finding for report in run["reports"] for finding in report["findings"]]
    if not findings:
        return [Sentence(strong="Nothing was compared", after=".")]
    failed = [finding for finding in findings if not passes(finding["verdict"])]
    of = f"{counted(len(findings), 'comparison')} of {counted(len(run['reports']), 'operation')}"
    if not failed:
        told = [Sentence("", f"All {of} passed", f"; the worst verdict is {worst(findings)['verdict']}.")]
    else:
        told = [Sentence("", f"{len(failed)} of {of} did not pass", ".")]
        for report in run["reports"]:
            wrong = [finding for finding in report["findings"] if not passes(finding["verdict"])]
            if wrong:
                one = worst(wrong)
                where = f": {one['verdict']} at {one['leaf']}, {one['dtype']} {one['mode']}."
                told.append(Sentence(f"{report['name']} ", "does not pass", where))
    return [*told, Sentence(accuracy(run["training"]))] if run["training"] else told


def speed_sentences(bench: dict[str, Any]) -> list[Sentence]:
    comparisons = bench["comparisons"]
    told = _summary(comparisons)
    for comparison, name in zip(comparisons, labels(comparisons), strict=True):
        told += [*_sentence(comparison, name), *_fastest(comparison, name)]
    for entry in bench["scaling"]:
        if entry["summary"]:
            told.append(Sentence(f"{subject(entry)}, as {entry['axis']} grows: ", entry["summary"].rstrip("."), "."))
    return told


def rival(comparison: dict[str, Any]) -> dict[str, Any] | None:
    """The other framework's compiled candidate: the one that the comparison is about."""
    candidates = comparison["candidates"]
    base = next((one for one in candidates if one["name"] == comparison["base"]), None)
    others = [one for one in candidates if base and one["mode"] == "compiled" and one["backend"] != base["backend"]]
    return next((one for one in others if one["name"] in ("torch.compile", "jax.jit")), others[0] if others else None)


def _summary(comparisons: list[dict[str, Any]]) -> list[Sentence]:
    """How often which verdict, where all comparisons are about the same two candidates."""
    found = [(rival(comparison), comparison["base"]) for comparison in comparisons]
    names = {(one["name"], base) for one, base in found if one}
    if len(names) != 1 or len(comparisons) < 2:
        return []
    name, base = names.pop()
    verdicts = Counter(one["verdict"] if one and one["ratio"] else "" for one, _ in found)
    told = [f"{words} in {count}" for verdict, words in _VERDICTS.items() if (count := verdicts.pop(verdict, 0))]
    rest = sum(verdicts.values())
    told += [f"not timed in {rest}"] if rest else []
    return [Sentence(f"{name} against {base}, of {counted(len(comparisons), 'comparison')}: ", listed(told), ".")]


def _sentence(comparison: dict[str, Any], name: str) -> list[Sentence]:
    if not any(one["seconds"] for one in comparison["candidates"]):
        why = comparison["message"] or (comparison["parity"] or {}).get("message") or "the run does not say why"
        return [Sentence(f"{name} ", "was not timed", f": {why.rstrip('.')}.")]
    one = rival(comparison)
    if one is None:
        return []
    if not one["ratio"]:
        why = one["message"] or "the run does not say why"
        return [Sentence(f"{one['name']} ", "failed", f" on {name}: {why.rstrip('.')}.")]
    return [compared(one, comparison["base"], name)]


def compared(one: dict[str, Any], base: str, where: str) -> Sentence:
    """One candidate against the base, in the direction in which the number is above 1."""
    found, verdict, name = one["ratio"], one["verdict"], one["name"]
    if not has_interval(found):
        after = f" between {name} and {base} on {where}: too few rounds for an interval."
        return Sentence("", "No difference that could be told", after)
    if verdict == "FASTER":
        value, low, high = times([1 / found["value"], 1 / found["high"], 1 / found["low"]])
        return Sentence(f"{name} is ", f"{value} times as fast", f" as {base} on {where} ({_span(low, high)}).")
    if verdict == "SLOWER":
        value, low, high = times([found["value"], found["low"], found["high"]])
        return Sentence(f"{base} is ", f"{value} times as fast", f" as {name} on {where} ({_span(low, high)}).")
    if verdict == "SAME":
        return Sentence(f"{name} and {base} are ", "equally fast", f" on {where} (ratio {_span(interval(found))}).")
    advice = f": {one['advice'].rstrip('.')}" if one["advice"] else ""
    after = f" between {name} and {base} on {where} (ratio {_span(interval(found))}){advice}."
    return Sentence("", "No difference that could be told", after)


def _span(*ends: str) -> str:
    """An interval that no line break takes apart."""
    return " to ".join(ends).replace(" ", "\u00a0")


def _fastest(comparison: dict[str, Any], name: str) -> list[Sentence]:
    """A third candidate that is faster than the base and every other one is worth a sentence of its own."""
    timed = [one for one in comparison["candidates"] if one["ratio"]]
    best = min(timed, key=lambda one: one["ratio"]["value"], default=None)
    if best is None or best is rival(comparison) or best["verdict"] != "FASTER":
        return []
    told = compared(best, comparison["base"], name)
    return [Sentence(f"The fastest there: {told.before}", told.strong, told.after)]
