"""Why two functions differ: causes with evidence, found by editing one of the two programs until they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from parity.execution.run_cache import RunCache
from parity.judge.finding import Finding, Verdict

ASKED = (Verdict.SEMANTIC, Verdict.INTERNAL_PRECISION, Verdict.STABILITY)


def explain(cache: RunCache, findings: Sequence[Finding], budget_s: float = 20.0) -> tuple[Finding, ...]:
    """The findings with `causes`, most likely first, for leaves that differ in float64; unchanged where none is found.

    Never raises: a finding without a cause is still true, and its message says when the search failed.
    `explanation.with_causes` raises.

    Args:
        cache: the runs that `findings` rest on.
        budget_s: seconds that the search may take.
    """
    findings = tuple(findings)
    if not any(map(_is_asked, findings)):
        return findings
    try:
        from parity.causes.explanation import with_causes

        return with_causes(cache, findings, budget_s)
    except Exception as error:
        kind, words = type(error).__name__, " ".join(str(error).split())
        note = f"cause search failed: {kind}: {words}" if words else f"cause search failed: {kind}"
        return tuple(replace(f, message=f"{f.message}; {note}") if _is_asked(f) else f for f in findings)


def _is_asked(finding: Finding) -> bool:
    return finding.verdict in ASKED and (finding.dtype == "float64" or finding.verdict is Verdict.STABILITY)
