"""One cell judged: both sides run it, each is held to its identity, and the two are compared."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from parity.judge.finding import Verdict
from parity.sides import SIDES
from parity.transforms.catalogue import Cell
from parity.transforms.compared import Compared, compared
from parity.transforms.declared import Declared
from parity.transforms.fixtures import Fixtures
from parity.transforms.measured import Measured, measure
from parity.transforms.outcome import Outcome


@dataclass(frozen=True)
class LeftOut:
    """A cell that makes no sense for an operation, and why."""

    op: str
    group: str
    cell: str
    reason: str


def judge(
    cell: Cell, fixtures: Mapping[str, Fixtures], declared: Sequence[Declared], op: str, timeout_s: float
) -> Outcome | LeftOut:
    """Runs the cell on both sides; the verdict is the worst of three: the two identities, and one side against the other."""
    start = time.perf_counter()
    measured = {side: measure(cell, fixtures[side], timeout_s) for side in SIDES}
    reasons = [found.not_applicable for found in measured.values() if found.not_applicable]
    if reasons:
        return LeftOut(op, cell.group, cell.name, reasons[0])
    entries = [entry for entry in declared if entry.concerns(op, cell)]
    outcome = _verdict(Outcome(op, cell.group, cell.name, Verdict.EXACT), measured, entries)
    return replace(outcome, seconds=time.perf_counter() - start)


def _verdict(outcome: Outcome, measured: Mapping[str, Measured], entries: Sequence[Declared]) -> Outcome:
    unsupported = {entry.side: entry for entry in entries if entry.kind == "unsupported"}
    judged = [_side(outcome, side, measured[side], unsupported.get(side)) for side in SIDES]
    if not any(found.error or found.impure for found in measured.values()):
        conventions = [entry for entry in entries if entry.kind == "convention"]
        across = compared(measured["jax"].value, measured["torch"].value)
        judged.append(_across(outcome, across, conventions[0] if conventions else None))
    failed = [one for one in judged if not one.verdict.passes]
    told = failed or judged
    worst = max(told, key=lambda one: one.verdict.severity)
    at_fault = {one.side for one in failed if one.side}
    return replace(
        worst,
        side=at_fault.pop() if len(at_fault) == 1 else None,
        message="; ".join(dict.fromkeys(one.message for one in told if one.message)),
        error=max(one.error for one in told),
    )


def _side(outcome: Outcome, side: str, measured: Measured, entry: Declared | None) -> Outcome:
    """What one side alone says: it raised, ran no compiled code, is impure, or breaks its identity."""
    if entry is not None and not measured.error:
        words = f"stale: declared as unsupported ({entry.reason}), but it works; remove the entry"
        return replace(outcome, verdict=Verdict.VACUOUS, side=side, message=f"{side}: {words}")
    if measured.error:
        if entry is not None and entry.error in measured.error:
            words = f"{side} does not support it: {entry.error}; {entry.reason} ({entry.link})"
            return replace(outcome, verdict=Verdict.CONVENTION, side=side, message=words)
        return replace(outcome, verdict=Verdict.ERROR, side=side, message=f"{side}: {measured.words}")
    if measured.impure:
        return replace(outcome, verdict=Verdict.SEMANTIC, side=side, message=f"{side} is impure: {measured.impure}")
    if measured.fallback:
        return replace(outcome, verdict=Verdict.ERROR, side=side, message=f"{side}: {measured.fallback}")
    identity = compared(measured.left, measured.right)
    words = "" if identity.verdict.passes else f"{side}: the identity does not hold: {identity.words}"
    return replace(outcome, verdict=identity.verdict, side=side, message=words, error=identity.error)


def _across(outcome: Outcome, across: Compared, convention: Declared | None) -> Outcome:
    if convention is not None:
        if across.verdict.passes:
            words = f"stale: declared as a difference ({convention.reason}), but there is none; remove the entry"
            return replace(outcome, verdict=Verdict.VACUOUS, message=words)
        if across.verdict is Verdict.SEMANTIC and across.error <= convention.bound:
            words = f"{convention.reason} ({convention.link}); {across.words}"
            return replace(outcome, verdict=Verdict.CONVENTION, message=words, error=across.error)
    words = "" if across.verdict is Verdict.EXACT else f"jax against torch: {across.words}"
    return replace(outcome, verdict=across.verdict, message=words, error=across.error)
