"""Judges one cell: both sides run it, each is held to its identity, and the two are compared."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

import numpy as np

from parity.execution.result import Problem, Result
from parity.judge.deviations import Deviation, apply
from parity.judge.finding import Finding, Verdict
from parity.sides import JAX, SIDES, TORCH
from parity.transforms.catalogue import TransformCell
from parity.transforms.compared import ValueRunner, as_result, judged
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
    findings = _findings(cell, fixtures, measured, declared, timeout_s)
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


def _findings(
    cell: TransformCell,
    fixtures: Mapping[str, Fixtures],
    measured: Mapping[str, Measured],
    declared: Sequence[Deviation],
    timeout_s: float,
) -> list[Finding]:
    """Declared errors concern each side by itself, all other deviations the comparison of the two."""
    errors = [deviation for deviation in declared if deviation.verdict == Verdict.ERROR]
    runs = {side: _Reruns(cell, fixtures[side], timeout_s, measured[side]) for side in SIDES}
    findings = apply(errors, [_side(side, runs[side], errors) for side in SIDES])
    if not any(result.error or result.impure for result in measured.values()):
        arguments = fixtures[JAX].pair.arguments
        across = judged({side: runs[side].runner("value") for side in SIDES}, arguments)
        message = "" if across.verdict is Verdict.EXACT else f"{JAX} against {TORCH}: {across.message}"
        differences = [deviation for deviation in declared if deviation.verdict != Verdict.ERROR]
        findings += apply(differences, [_finding(across.verdict, None, message, across.error)])
    return findings


class _Reruns:
    """The cell of one side on other inputs or in another dtype, where the ladder asks for it; the latest run is kept."""

    def __init__(self, cell: TransformCell, fixtures: Fixtures, timeout_s: float, measured: Measured) -> None:
        self.measured, self._cell, self._fixtures, self._timeout_s = measured, cell, fixtures, timeout_s
        self.arguments = fixtures.pair.arguments
        self._latest: tuple[Mapping[str, np.ndarray], str, Measured] | None = None

    def runner(self, part: str) -> ValueRunner:
        """A runner for one of `value`, `left` and `right`."""
        return ValueRunner(getattr(self.measured, part), lambda inputs, dtype: self._again(part, inputs, dtype))

    def _again(self, part: str, inputs: Mapping[str, np.ndarray], dtype: str) -> Result:
        if self._latest is None or self._latest[0] is not inputs or self._latest[1] != dtype:
            fixtures = Fixtures(self._fixtures.pair.on(inputs, dtype), self._fixtures.side)
            self._latest = inputs, dtype, measure(self._cell, fixtures, self._timeout_s)
        again = self._latest[2]
        problem = again.error or again.impure or again.fallback or again.not_applicable
        return Result(problems=(Problem("out", problem),)) if problem else as_result(getattr(again, part))


def _side(side: str, runs: _Reruns, declared: Sequence[Deviation]) -> Finding:
    """What one side alone shows: it raised, ran no compiled code, is impure, or breaks its identity."""
    measured = runs.measured
    if measured.error:
        # The declared part of the framework's message may be beyond its first line.
        parts = (entry.error for entry in declared if entry.side == side and entry.error in measured.error)
        return _finding(Verdict.ERROR, side, next(parts, measured.words))
    if measured.impure:
        return _finding(Verdict.SEMANTIC, side, f"impure: {measured.impure}")
    if measured.fallback:
        return _finding(Verdict.ERROR, side, measured.fallback)
    identity = judged({part: runs.runner(part) for part in ("left", "right")}, runs.arguments)
    message = "" if identity.verdict.passes else f"the identity does not hold: {identity.message}"
    return _finding(identity.verdict, side, message, identity.error)


def _finding(verdict: Verdict, side: str | None, message: str, error: float = 0.0) -> Finding:
    # A cell is judged as a whole, so that no declaration for a single leaf may cover it.
    return Finding("*", "float64", "*", verdict, side, message=message, error=error)


def _with_side(finding: Finding) -> str:
    return f"{finding.side}: {finding.message}" if finding.side else finding.message
