"""Special functions whose kernels have no float64 accuracy: a difference that they make is none of the caller's code."""

from __future__ import annotations

from dataclasses import replace

from parity.execution.run_cache import RunCache
from parity.judge import tolerances, variants
from parity.judge.finding import Cause, Finding, Verdict, decimal


def judge(cache: RunCache, finding: Finding) -> Finding:
    """A float64 difference that passes because a kernel of one side is no better, as a high-precision reference shows."""
    if (
        finding.verdict is not Verdict.SEMANTIC
        or not tolerances.FLOAT64_EQUAL < finding.error <= tolerances.KERNEL_MOST
    ):
        return finding
    variant = variants.given(finding.regime)
    errors = {(side, name): error for side in cache.sides for name, error in cache.kernel_errors(side, variant).items()}
    if not errors:
        return finding
    (side, name), error = max(errors.items(), key=lambda item: item[1])
    if finding.error > tolerances.KERNEL_FACTOR * error:
        return finding
    told = f"{name} of {side} is {decimal(error)} from the true value in float64"
    message = f"largest difference {decimal(finding.error)} of the leaf's largest magnitude: {told}"
    return replace(finding, verdict=Verdict.ROUNDING, causes=(Cause("imprecise kernel", told),), message=message)
