"""From findings to causes: one search for all leaves of a check."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from parity.causes import custom_gradients, precision, runs
from parity.causes.edits.literals import literals
from parity.causes.families import FORWARD, GRADIENT
from parity.causes.search import Explanation, OutOfTime, Search, ranked
from parity.causes.goal import FLOOR, leaf_error
from parity.causes.tracing import leaves_of, program_of, search_of, target_of
from parity.execution.backends import torch_backend
from parity.execution.run_cache import RunCache
from parity.judge.finding import Cause, Finding, Verdict
from parity.programs.program import Program
from parity.sides import SIDES

EXPLAINED = (Verdict.SEMANTIC, Verdict.INTERNAL_PRECISION)
SHOWN = 5
FACTORS = ("scale by another dimension", "momentum convention")  # a number that may mean something, or nothing
SPECIFIC = 5.0  # a candidate of this rank that mends every leaf ends the search
Told = tuple[Cause, tuple[str, ...], float]  # a cause, the leaves that it explains, its rank


def explained(evidence: RunCache, findings: Sequence[Finding], budget_s: float) -> tuple[Finding, ...]:
    """`findings` with causes. Raises what goes wrong inside."""
    failing = _failing(evidence, findings)
    if not failing:
        return tuple(findings)
    with warnings.catch_warnings(), torch_backend.settings("float64"):
        warnings.simplefilter("ignore")
        told = causes(evidence, failing, time.monotonic() + budget_s)
    return tuple(_with_causes(finding, told) for finding in findings)


def causes(evidence: RunCache, failing: tuple[str, ...], deadline: float) -> list[Told]:
    """All that is found until the deadline, most convincing first."""
    told: list[Told] = []
    searches: list[Search] = []
    with contextlib.suppress(OutOfTime):
        told += [(*found, 0.0) for found in runs.ties(evidence, failing)]
        if told:
            return told
        targets = {side: target_of(evidence, side, failing) for side in SIDES}
        numbers = runs.whole_numbers(evidence)
        steps = tuple(n + k for n in numbers.values() for k in (0, 1, -1, 2) if 0 < n < runs.MANY_STEPS)
        programs = {side: program for side in SIDES if (program := program_of(evidence, side, deadline)) is not None}
        for side, program in programs.items():
            search = search_of(evidence, program, targets[side], steps, deadline)
            searches += [search] if search else []
        told += [(*found, 4.0) for found in _within(runs.counters(evidence, targets, programs, deadline), deadline)]
        for side, program in programs.items():
            told += [(*found, 1.0) for found in custom_gradients.custom(program, evidence, targets[side])]
        _run(searches, programs, failing)
    found = ranked(explanation for search in searches for explanation in search.found)
    for e in found:
        told.append((_cause(e), e.healed, e.candidate.rank))
        if e.candidate.name in FACTORS:
            told.append((replace(_cause(e), name="constant factor"), e.healed, e.candidate.rank + 10))
    return sorted(told, key=lambda t: (-len(t[1]), t[2]))


def _within(found: Iterable[tuple[Cause, tuple[str, ...]]], deadline: float) -> Iterable[tuple[Cause, tuple[str, ...]]]:
    for item in found:
        yield item
        if time.monotonic() > deadline:
            return


def _failing(evidence: RunCache, findings: Sequence[Finding]) -> tuple[str, ...]:
    """The leaves that differ in float64 when nothing is compiled."""
    names = dict.fromkeys(f.leaf for f in findings if f.dtype == "float64" and f.verdict in EXPLAINED)
    jax, torch = (leaves_of(evidence, side) for side in SIDES)
    return tuple(n for n in names if n in jax and n in torch and leaf_error(jax[n], torch[n]) > FLOOR / 10)


def _run(searches: Sequence[Search], programs: Mapping[str, Program], failing: tuple[str, ...]) -> None:
    others = {
        side: {x for other, program in programs.items() if other != side for x in literals(program)} for side in SIDES
    }
    for search in searches:
        search.try_all(precision.lifted(search.context, others[search.side]))
    if _settled(searches, failing):
        return
    exact = [search for search in searches if not precision.has_low(search.interpreter.program)]
    for family in GRADIENT if all(name.startswith("grad/") for name in failing) else FORWARD:
        for search in exact:
            family(search, others[search.side] - literals(search.interpreter.program))
        if _settled(searches, failing):
            return


def _settled(searches: Sequence[Search], failing: tuple[str, ...]) -> bool:
    found = [e for search in searches for e in search.found]
    return any(len(e.healed) == len(failing) and e.candidate.rank <= SPECIFIC for e in found)


def _cause(e: Explanation) -> Cause:
    leaves = f"{len(e.healed)} leaves" if len(e.healed) > 1 else e.healed[0]
    return Cause(e.candidate.name, f"{e.side}: {e.candidate.words}: error of {leaves} {e.before:.2g} → {e.after:.2g}")


def _with_causes(finding: Finding, told: Sequence[Told]) -> Finding:
    if finding.verdict not in EXPLAINED:
        return finding
    found: dict[str, Cause] = {}
    for cause, leaves, _ in told:
        if finding.leaf in leaves:
            found.setdefault(cause.name, cause)
    return replace(finding, causes=tuple(found.values())[:SHOWN]) if found else finding
