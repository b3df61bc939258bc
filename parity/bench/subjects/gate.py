"""Parity first: every timed output was judged before, in the same process, on the same inputs, in the same dtype."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from parity.bench.subjects.subject import Subject
from parity.compare.compare import compare
from parity.data.dtypes import as_float64, epsilon, is_floating
from parity.execution.run_cache import RunCache
from parity.judge import ladder, tolerances, variants
from parity.judge.finding import Finding, Verdict, decimal
from parity.judge.text import line
from parity.sides import JAX


@dataclass(frozen=True)
class Gate:
    """The verdict on the two functions of a subject, and the float64 truth that every candidate has to match.

    Attributes:
        findings: of the float64 rung and of the rung of the dtype.
        truths: leaf name → float64 value, from the inputs rounded to the dtype.
        errors: leaf name → error of the better of the two functions, in units of the dtype.
    """

    subject: Subject
    findings: tuple[Finding, ...]
    truths: Mapping[str, np.ndarray]
    errors: Mapping[str, float]

    @property
    def worst(self) -> Finding | None:
        """The finding with the most severe verdict; None if nothing was compared."""
        return max(self.findings, key=lambda finding: finding.verdict.severity, default=None)

    @property
    def verdict(self) -> Verdict:
        """That of the worst finding."""
        return self.worst.verdict if self.worst else Verdict.VACUOUS

    @property
    def message(self) -> str:
        """Why nothing may be timed; empty if parity passed."""
        if self.verdict.passes:
            return ""
        return line(self.worst) if self.worst else "nothing was compared"

    def judge(self, outputs: Mapping[str, np.ndarray]) -> str:
        """Why a candidate with these outputs may not be timed; empty if it may.

        Its error to the float64 truth has to be within `FAR_UNITS`, or within `SIDE_RATIO` of the error of the better of the
        two functions: the rule by which the ladder calls no side worse.
        """
        if set(outputs) != set(self.truths):
            return f"it returns {', '.join(sorted(outputs))}, expected {', '.join(sorted(self.truths))}"
        for name, truth in self.truths.items():
            value = outputs[name]
            if value.shape != truth.shape:
                return f"{name} has shape {value.shape}, expected {truth.shape}"
            error = units_off(value, truth, self.subject.dtype)
            allowed = max(
                tolerances.FAR_UNITS, tolerances.SIDE_RATIO * (self.errors[name] + tolerances.FLOOR_PEAK_UNITS)
            )
            if not error <= allowed:
                return (
                    f"{name} is {decimal(error)} units of {self.subject.dtype} from the float64 truth, "
                    f"{decimal(allowed)} are allowed: parity is not shown"
                )
        return ""


def gate(subject: Subject, timeout_s: float, device: str = "cpu") -> Gate:
    """Runs both functions of the subject through the ladder.

    JAX runs compiled: eager, it compiles each operation again at each size, which took nine tenths of the time. PyTorch runs
    eager: compiled, each precision would cost a compilation.
    """
    always = {JAX: "compiled"}
    cache = RunCache.live(
        subject.functions, subject.arguments, subject.reference, timeout_s, device, always, lifts=True
    )
    structural, judged = ladder.rung(cache, "float64", "eager")
    findings = [*structural, *judged]
    if subject.dtype != "float64":
        above = {finding.leaf: finding for finding in judged}
        findings += [finding for part in ladder.rung(cache, subject.dtype, "eager", above=above) for finding in part]
    truths: dict[str, np.ndarray] = {}
    errors: dict[str, float] = {}
    variant = variants.given("unit", subject.dtype)
    if findings and all(finding.verdict.passes for finding in findings):
        for leaf in dict.fromkeys(finding.leaf for finding in findings):
            truth = cache.truth(leaf, variant)
            values = [cache.result(side, subject.dtype, "eager", variant).leaf(leaf) for side in cache.sides]
            if truth is not None:
                truths[leaf] = truth
                errors[leaf] = min(units_off(value, truth, subject.dtype) for value in values)
    return Gate(subject, tuple(findings), truths, errors)


def units_off(value: np.ndarray, truth: np.ndarray, dtype: str) -> float:
    """The largest error in units of the dtype; infinite where a NaN, an infinity or an integer differs."""
    comparison = compare(as_float64(value), as_float64(truth))
    if not is_floating(value.dtype) and value.dtype.kind != "c":
        return float("inf") if comparison.mismatches else 0.0
    return comparison.error / epsilon(dtype)
