"""Why two functions differ: causes with evidence, found by editing one of the two programs until they agree."""

from __future__ import annotations

from collections.abc import Sequence

from parity.execution.run_cache import RunCache
from parity.judge.finding import Finding, Verdict


def explain(cache: RunCache, findings: Sequence[Finding], budget_s: float = 20.0) -> tuple[Finding, ...]:
    """The findings with `causes`, most likely first, for leaves that differ in float64; unchanged where none is found.

    Never raises: a finding without a cause is still true. `explanation.with_causes` raises.

    Args:
        cache: the runs that `findings` rest on.
        budget_s: seconds that the search may take.
    """
    findings = tuple(findings)
    if not any(f.verdict in (Verdict.SEMANTIC, Verdict.INTERNAL_PRECISION) and f.dtype == "float64" for f in findings):
        return findings
    try:
        from parity.causes.explanation import with_causes

        return with_causes(cache, findings, budget_s)
    except Exception:
        return findings
