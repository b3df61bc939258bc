"""Judges one cell: both sides run it, each is held to its identity, and the two are compared."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

from parity.judge.deviations import Deviation, apply
from parity.judge.finding import Finding, Verdict
from parity.sides import JAX, SIDES, TORCH
from parity.transforms.catalogue import TransformCell
from parity.transforms.compared import compared
from parity.transforms.fixtures import Fixtures
from parity.transforms.measured import Measured, measure
from parity.transforms.outcome import CellOutcome, SkippedCell


def judge(
    cell: TransformCell, fixtures: Mapping[str, Fixtures], deviations: Sequence[Deviation], op: str, timeout_s: float
) -> CellOutcome | SkippedCell:
    """Runs the cell on both sides; the verdict is the worst of three: the two identities, and one side against the other."""
    start = time.perf_counter()
    measured = {side: measure(cell, fixtures[side], timeout_s) for side in SIDES}
    reasons = [result.not_applicable for result in measured.values() if result.not_applicable]
    if reasons:
        return SkippedCell(op, cell.group, cell.name, reasons[0])
    declared = [deviation for deviation in deviations if deviation.concerns(op, cell.group, cell.name)]
    findings = _findings(measured, declared)
    failed = [finding for finding in findings if not finding.verdict.passes]
    decisive = failed or findings
    worst = max(decisive, key=lambda finding: finding.verdict.severity)
    at_fault = {finding.side for finding in failed if finding.side}
    return CellOutcome(
        op,
        cell.group,
        cell.name,
        worst.verdict,
        side=at_fault.pop() if len(at_fault) == 1 else None,
        message="; ".join(dict.fromkeys(_with_side(finding) for finding in decisive if finding.message)),
        error=max((finding.error for finding in decisive if not math.isnan(finding.error)), default=0.0),
        seconds=time.perf_counter() - start,
    )


def _findings(measured: Mapping[str, Measured], declared: Sequence[Deviation]) -> list[Finding]:
    """Declared errors concern each side by itself, all other deviations the comparison of the two."""
    errors = [deviation for deviation in declared if deviation.verdict == Verdict.ERROR]
    findings = apply(errors, [_side(side, measured[side], errors) for side in SIDES])
    if not any(result.error or result.impure for result in measured.values()):
        across = compared(measured[JAX].value, measured[TORCH].value)
        message = "" if across.verdict is Verdict.EXACT else f"{JAX} against {TORCH}: {across.words}"
        differences = [deviation for deviation in declared if deviation.verdict != Verdict.ERROR]
        findings += apply(differences, [_finding(across.verdict, None, message, across.error)])
    return findings


def _side(side: str, measured: Measured, declared: Sequence[Deviation]) -> Finding:
    """What one side alone shows: it raised, ran no compiled code, is impure, or breaks its identity."""
    if measured.error:
        # The declared part of the framework's message may be beyond its first line.
        parts = (entry.error for entry in declared if entry.side == side and entry.error in measured.error)
        return _finding(Verdict.ERROR, side, next(parts, measured.words))
    if measured.impure:
        return _finding(Verdict.SEMANTIC, side, f"impure: {measured.impure}")
    if measured.fallback:
        return _finding(Verdict.ERROR, side, measured.fallback)
    identity = compared(measured.left, measured.right)
    message = "" if identity.verdict.passes else f"the identity does not hold: {identity.words}"
    return _finding(identity.verdict, side, message, identity.error)


def _finding(verdict: Verdict, side: str | None, message: str, error: float = 0.0) -> Finding:
    # A cell is judged as a whole, so that no declaration for a single leaf may cover it.
    return Finding("*", "float64", "*", verdict, side, message=message, error=error)


def _with_side(finding: Finding) -> str:
    return f"{finding.side}: {finding.message}" if finding.side else finding.message
