"""The results in sentences, one for each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from parity.report.formatting import counted, has_interval, interval, labels, listed, subject, times
from parity.report.page.training import accuracy
from parity.report.page.verdicts import passes, worst
from parity.sides import COMPILERS

_VERDICTS = {"FASTER": "faster", "SLOWER": "slower", "SAME": "equally fast", "CANNOT TELL": "undecided"}


@dataclass(frozen=True)
class Sentence:
    """`before`, then `strong` in bold type, then `after`."""

    before: str = ""
    strong: str = ""
    after: str = ""


def parity_sentences(run: dict[str, Any]) -> list[Sentence]:
    """The results of report.json: how much passed, the worst failure of each operation, the training."""
    findings = [finding for report in run["reports"] for finding in report["findings"]]
    if not findings:
        return [Sentence(strong="Nothing was compared", after=".")]
    failed = [finding for finding in findings if not passes(finding["verdict"])]
    of = f"{counted(len(findings), 'comparison')} of {counted(len(run['reports']), 'operation')}"
    if not failed:
        sentences = [Sentence("", f"All {of} passed", f"; the worst verdict is {worst(findings)['verdict']}.")]
    else:
        sentences = [Sentence("", f"{len(failed)} of {of} did not pass", ".")]
        for report in run["reports"]:
            wrong = [finding for finding in report["findings"] if not passes(finding["verdict"])]
            if wrong:
                one = worst(wrong)
                where = f": {one['verdict']} at {one['leaf']}, {one['dtype']} {one['mode']}."
                sentences.append(Sentence(f"{report['name']} ", "does not pass", where))
    return [*sentences, Sentence(accuracy(run["training"]))] if run["training"] else sentences


def speed_sentences(bench: dict[str, Any]) -> list[Sentence]:
    """The results of bench.json: a summary, each comparison, and how the cost grows."""
    comparisons = bench["comparisons"]
    sentences = _summary(comparisons)
    for comparison, name in zip(comparisons, labels(comparisons), strict=True):
        sentences += [*_sentence(comparison, name), *_fastest(comparison, name)]
    for entry in bench["scaling"]:
        if entry["summary"]:
            start = f"{subject(entry)}, as {entry['axis']} grows: "
            sentences.append(Sentence(start, entry["summary"].rstrip("."), "."))
    return sentences


def rival(comparison: dict[str, Any]) -> dict[str, Any] | None:
    """The compiled candidate of the other framework, which the comparison is about."""
    candidates = comparison["candidates"]
    base = next((one for one in candidates if one["name"] == comparison["base"]), None)
    others = [one for one in candidates if base and one["mode"] == "compiled" and one["backend"] != base["backend"]]
    return next((one for one in others if one["name"] in COMPILERS.values()), others[0] if others else None)


def _summary(comparisons: list[dict[str, Any]]) -> list[Sentence]:
    """How often each verdict occurs, if all comparisons are about the same two candidates."""
    rivals = [(rival(comparison), comparison["base"]) for comparison in comparisons]
    names = {(one["name"], base) for one, base in rivals if one}
    if len(names) != 1 or len(comparisons) < 2:
        return []
    name, base = names.pop()
    verdicts = Counter(one["verdict"] if one and one["ratio"] else "" for one, _ in rivals)
    parts = [f"{word} in {count}" for verdict, word in _VERDICTS.items() if (count := verdicts.pop(verdict, 0))]
    rest = sum(verdicts.values())
    parts += [f"not timed in {rest}"] if rest else []
    return [Sentence(f"{name} against {base}, of {counted(len(comparisons), 'comparison')}: ", listed(parts), ".")]


def _sentence(comparison: dict[str, Any], name: str) -> list[Sentence]:
    if not any(one["seconds"] for one in comparison["candidates"]):
        why = comparison["message"] or (comparison["parity"] or {}).get("message") or "no reason given"
        return [Sentence(f"{name} ", "was not timed", f": {why.rstrip('.')}.")]
    one = rival(comparison)
    if one is None:
        return []
    if not one["ratio"]:
        why = one["message"] or "no reason given"
        return [Sentence(f"{one['name']} ", "failed", f" on {name}: {why.rstrip('.')}.")]
    return [compared(one, comparison["base"], name)]


def compared(one: dict[str, Any], base: str, where: str) -> Sentence:
    """One candidate against the base, as a factor above 1."""
    ratio, verdict, name = one["ratio"], one["verdict"], one["name"]
    if not has_interval(ratio):
        after = f" between {name} and {base} on {where}: too few rounds for an interval."
        return Sentence("", "No clear difference", after)
    if verdict == "FASTER":
        value, low, high = times([1 / ratio["value"], 1 / ratio["high"], 1 / ratio["low"]])
        return Sentence(f"{name} is ", f"{value} times as fast", f" as {base} on {where} ({_span(low, high)}).")
    if verdict == "SLOWER":
        value, low, high = times([ratio["value"], ratio["low"], ratio["high"]])
        return Sentence(f"{base} is ", f"{value} times as fast", f" as {name} on {where} ({_span(low, high)}).")
    if verdict == "SAME":
        return Sentence(f"{name} and {base} are ", "equally fast", f" on {where} (ratio {_span(interval(ratio))}).")
    advice = f": {one['advice'].rstrip('.')}" if one["advice"] else ""
    after = f" between {name} and {base} on {where} (ratio {_span(interval(ratio))}){advice}."
    return Sentence("", "No clear difference", after)


def _span(*ends: str) -> str:
    """An interval without line breaks."""
    return " to ".join(ends).replace(" ", "\u00a0")


def _fastest(comparison: dict[str, Any], name: str) -> list[Sentence]:
    """A sentence about a third candidate that is faster than the base and all others."""
    timed = [one for one in comparison["candidates"] if one["ratio"]]
    best = min(timed, key=lambda one: one["ratio"]["value"], default=None)
    if best is None or best is rival(comparison) or best["verdict"] != "FASTER":
        return []
    sentence = compared(best, comparison["base"], name)
    return [Sentence(f"Fastest: {sentence.before}", sentence.strong, sentence.after)]
