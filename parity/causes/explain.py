"""From findings to causes: one search for all leaves of a check."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from parity.causes import precision, runs
from parity.causes.context import Context
from parity.causes.edits.literals import literals
from parity.causes.families import FORWARD, GRADIENT
from parity.causes.programs import from_jax, from_torch
from parity.causes.programs.evaluate import Machine
from parity.causes.programs.program import Program
from parity.causes.search import Explanation, OutOfTime, Search, ranked
from parity.causes.target import FLOOR, Target, leaf_error
from parity.evidence import GIVEN, SIDES, Evidence, Values
from parity.finding import Cause, Finding, Verdict
from parity.inputs import cotangent

AGAIN = Values(jitter=1, size=2.0**-3)
FAITHFUL = 1e-11  # a program stands for a function only if it gives what the function gives
SHOWN = 5
_TRACERS = {"jax": from_jax.trace, "torch": from_torch.trace}
Told = tuple[Cause, tuple[str, ...], float]  # a cause, the leaves that it explains, its rank


def explained(evidence: Evidence, findings: Sequence[Finding], budget_s: float) -> tuple[Finding, ...]:
    """`findings` with causes. Raises what goes wrong inside."""
    failing = _failing(evidence, findings)
    if not failing:
        return tuple(findings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        told = causes(evidence, failing, time.monotonic() + budget_s)
    return tuple(_with_causes(finding, told) for finding in findings)


def _failing(evidence: Evidence, findings: Sequence[Finding]) -> tuple[str, ...]:
    wanted = (Verdict.SEMANTIC, Verdict.INTERNAL_PRECISION)
    names = dict.fromkeys(f.leaf for f in findings if f.dtype == "float64" and f.verdict in wanted)
    leaves = [_leaves(evidence, side, GIVEN) for side in SIDES]
    return tuple(
        n
        for n in names
        if all(n in found for found in leaves) and leaf_error(*(found[n] for found in leaves)) > FLOOR / 10
    )


def _leaves(evidence: Evidence, side: str, values: Values) -> dict[str, np.ndarray]:
    result = evidence.result(side, "float64", "eager", values)
    return {
        name: leaf
        for name, leaf in {**result.outputs, **result.gradients}.items()
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind != "c"
    }


def _target(evidence: Evidence, side: str, failing: Sequence[str], values: Values = GIVEN) -> Target:
    own, other = _leaves(evidence, side, values), _leaves(evidence, SIDES[1 - SIDES.index(side)], values)
    before = {name: leaf_error(own[name], other[name]) for name in own if name in other}
    return Target({name: other[name] for name in before}, before, tuple(n for n in failing if n in before))


def causes(evidence: Evidence, failing: tuple[str, ...], deadline: float) -> list[Told]:
    targets = {side: _target(evidence, side, failing) for side in SIDES}
    told: list[Told] = [(*found, 0.0) for found in runs.ties(evidence, failing)]
    if told:
        return told
    told += [(*found, 4.0) for found in runs.counters(evidence, targets)]
    steps = tuple(n + k for n in runs.whole_numbers(evidence).values() for k in (0, 1, -1, 2) if 0 < n < 10**7)
    programs = {side: program for side in SIDES if (program := _traced(evidence, side)) is not None}
    searches = [
        s for side, program in programs.items() if (s := _search(evidence, program, targets[side], steps, deadline))
    ]
    told += _wrong_rules(evidence, searches, targets)
    try:
        _run(searches, programs, failing)
    except OutOfTime:
        pass
    found = [e for s in searches for e in s.found]
    told += [(_cause(e), e.healed, e.candidate.rank) for e in ranked(found, len(failing))]
    return sorted(told, key=lambda t: (-len(t[1]), t[2]))


def _traced(evidence: Evidence, side: str) -> Program | None:
    arguments = evidence.arguments
    arrays = {n: a for n, a in evidence.inputs(GIVEN).items()}
    if any(a.dtype.kind == "c" for a in arrays.values()):
        return None
    try:
        return _TRACERS[side](
            evidence.functions[side], lambda f, given: arguments.call(f, arguments.tree(given)), arrays
        )
    except Exception:  # the caller's function, or an operation without a translation: no program, no claim
        return None


def _search(
    evidence: Evidence, program: Program, target: Target, steps: tuple[int, ...], deadline: float
) -> Search | None:
    wrt = evidence.arguments.wrt
    machine = Machine(program, evidence.inputs(GIVEN), cotangent, wrt)
    own = _leaves(evidence, program.side, GIVEN)
    found = machine.leaves()
    context = Context(program, steps)
    low = any(True for _ in precision.lifted(context))
    trusted = [n for n in target.leaves if n in found and (low or leaf_error(found[n], own[n]) <= FAITHFUL)]
    target = _only(target, trusted)
    if not target.failing:
        return None
    again = _target(evidence, program.side, target.failing, AGAIN)
    return Search(
        machine,
        target,
        context,
        deadline,
        (Machine(program, evidence.inputs(AGAIN), cotangent, wrt), _only(again, trusted)),
    )


def _only(target: Target, names: Sequence[str]) -> Target:
    return Target(
        {n: target.leaves[n] for n in names if n in target.leaves},
        target.before,
        tuple(n for n in target.failing if n in names),
    )


def _run(searches: Sequence[Search], programs: Mapping[str, Program], failing: tuple[str, ...]) -> None:
    for search in searches:
        search.try_all(precision.lifted(search.context))
    if _settled(searches, failing, 1):
        return
    searches = [s for s in searches if not any(True for _ in precision.lifted(s.context))]
    gradients_only = all(name.startswith("grad/") for name in failing)
    for family in GRADIENT if gradients_only else FORWARD:
        for search in searches:
            others = {
                x
                for side, program in programs.items()
                if side != search.machine.program.side
                for x in literals(program)
            }
            family(search, others - literals(search.machine.program))


def _settled(searches: Sequence[Search], failing: tuple[str, ...], rank: float) -> bool:
    return any(len(e.healed) == len(failing) and e.candidate.rank <= rank for s in searches for e in s.found)


def _wrong_rules(evidence: Evidence, searches: Sequence[Search], targets: Mapping[str, Target]) -> list[Told]:
    return []


def _cause(explanation: Explanation) -> Cause:
    e = explanation
    leaves = f"{len(e.healed)} leaves" if len(e.healed) > 1 else e.healed[0]
    return Cause(e.candidate.name, f"{e.side}: {e.candidate.words}: error of {leaves} {e.before:.2g} → {e.after:.2g}")


def _with_causes(finding: Finding, told: Sequence[Told]) -> Finding:
    if finding.verdict not in (Verdict.SEMANTIC, Verdict.INTERNAL_PRECISION):
        return finding
    found: dict[str, Cause] = {}
    for cause, leaves, _ in told:
        if finding.leaf in leaves:
            found.setdefault(cause.name, cause)
    return replace(finding, causes=tuple(found.values())[:SHOWN]) if found else finding
