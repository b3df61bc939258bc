"""From findings to causes: one search for all leaves of a check."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace

from parity.causes import conjugated, custom_gradients, precision, reruns, stability
from parity.causes.edits.literals import literals
from parity.causes.families import FORWARD, GRADIENT
from parity.causes.goal import leaf_error
from parity.causes.hypothesis import Claim
from parity.causes.search import Explanation, OutOfTime, Search, ranked
from parity.causes.tracing import AGAIN, goal_of, leaves_of, program_of, search_of
from parity.data.input_variant import GIVEN, InputVariant
from parity.data.leaf import LeafName
from parity.execution.backends import torch_backend
from parity.execution.run_cache import RunCache
from parity.judge.finding import Cause, Finding, Verdict
from parity.judge.tolerances import CAUSE_DIFFERS, CAUSE_EXACT
from parity.programs.program import Program
from parity.sides import SIDES

EXPLAINED = (Verdict.SEMANTIC, Verdict.INTERNAL_PRECISION)
SHOWN = 5
FACTORS = ("scale by another dimension", "momentum convention")  # a number that may mean something, or nothing
INEXACT = 100.0  # added to the rank of what leaves more than rounding
SPECIFIC = 5.0  # a hypothesis of this rank that explains every leaf ends the search


def with_causes(cache: RunCache, findings: Sequence[Finding], budget_s: float) -> tuple[Finding, ...]:
    """`findings` with causes. Raises what goes wrong inside."""
    deadline, at = time.monotonic() + budget_s, GIVEN
    failing = _failing(cache, findings, at)
    if len(failing) < len(_named(findings)) and len(more := _failing(cache, findings, AGAIN)) > len(failing):
        failing, at = more, AGAIN  # the given inputs hide some of it: a bias of zeros, a weight of ones
    with warnings.catch_warnings(), torch_backend.settings("float64"):
        warnings.simplefilter("ignore")
        findings = stability.with_causes(cache, findings, deadline)
        if not failing:
            return findings
        claims = _claims(cache, failing, at, deadline)
    return tuple(_with_claims(finding, claims) for finding in findings)


def _claims(cache: RunCache, failing: tuple[str, ...], at: InputVariant, deadline: float) -> list[Claim]:
    """All that is found until the deadline, most convincing first."""
    claims: list[Claim] = []
    searches: list[Search] = []
    with contextlib.suppress(OutOfTime):
        claims += reruns.ties(cache, failing)
        if claims:
            return claims
        claims += conjugated.whole(cache, failing)
        goals = {side: goal_of(cache, side, failing, at) for side in SIDES}
        numbers = reruns.whole_numbers(cache).values()
        steps = tuple(n + k for n in numbers for k in (0, 1, -1, 2) if 0 < n < reruns.MANY_STEPS)
        programs = {side: program for side in SIDES if (program := program_of(cache, side, deadline)) is not None}
        for side, program in programs.items():
            search = search_of(cache, program, at, goals[side], steps, deadline)
            searches += [search] if search else []
        claims += reruns.counters(cache, goals, programs, deadline)
        for side, program in programs.items():
            claims += custom_gradients.custom(program, cache, goals[side])
        _run(searches, programs, failing)
    for e in ranked(explanation for search in searches for explanation in search.explanations):
        cause, rank = _cause(e), e.hypothesis.rank + (INEXACT if e.after > CAUSE_EXACT else 0.0)
        claims.append(Claim(cause, e.leaves, rank))
        if cause.name in FACTORS:
            claims.append(Claim(replace(cause, name="constant factor"), e.leaves, rank + 10))
    return sorted(claims, key=lambda claim: (-len(claim.leaves), claim.rank))


def _named(findings: Sequence[Finding]) -> list[str]:
    """The leaves that differ in float64 when nothing is compiled."""
    return list(dict.fromkeys(f.leaf for f in findings if f.dtype == "float64" and f.verdict in EXPLAINED))


def _failing(cache: RunCache, findings: Sequence[Finding], at: InputVariant) -> tuple[str, ...]:
    """Those whose numbers differ on these inputs."""
    one, two = (leaves_of(cache, side, at) for side in SIDES)
    return tuple(n for n in _named(findings) if n in one and n in two and leaf_error(one[n], two[n]) > CAUSE_DIFFERS)


def _run(searches: Sequence[Search], programs: Mapping[str, Program], failing: tuple[str, ...]) -> None:
    numbers = {side: literals(program) for side, program in programs.items()}
    others = {side: {x for s, own in numbers.items() if s != side for x in own} for side in SIDES}
    for search in searches:
        search.try_all(precision.lifted(search.context, others[search.side]))
    if _is_settled(searches, failing):
        return
    exact = [search for search in searches if not precision.has_low(search.interpreter.program)]
    for family in GRADIENT if all(LeafName(name).is_gradient for name in failing) else FORWARD:
        for search in exact:
            family(search, others[search.side] - numbers[search.side])
        if _is_settled(searches, failing):
            return


def _is_settled(searches: Sequence[Search], failing: tuple[str, ...]) -> bool:
    explanations = [e for search in searches for e in search.explanations]
    return any(
        len(e.leaves) == len(failing) and e.hypothesis.rank <= SPECIFIC and e.after <= CAUSE_EXACT for e in explanations
    )


def _cause(e: Explanation) -> Cause:
    leaves = f"{len(e.leaves)} leaves" if len(e.leaves) > 1 else e.leaves[0]
    evidence = f"{e.side}: {e.hypothesis.change}: error of {leaves} {e.before:.2g} → {e.after:.2g}"
    return Cause(e.hypothesis.cause, evidence)


def _with_claims(finding: Finding, claims: Sequence[Claim]) -> Finding:
    if finding.verdict not in EXPLAINED:
        return finding
    causes: dict[str, Cause] = {}
    for claim in claims:
        if finding.leaf in claim.leaves:
            causes.setdefault(claim.cause.name, claim.cause)
    return replace(finding, causes=tuple(causes.values())[:SHOWN]) if causes else finding
