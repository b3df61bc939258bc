"""Gradients of a function that differentiates inside: what one framework holds constant, the other differentiates through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from parity.data.leaf import LeafName
from parity.execution.result import Result
from parity.judge.finding import Finding, Verdict


def undecided(findings: Sequence[Finding], results: Sequence[Result]) -> list[Finding]:
    """The findings, with INCONCLUSIVE for gradients that differ where a side holds its inner derivatives constant.

    Where they agree all the same (both sides stop the gradient there, or a loss is only logged) they were compared.
    """
    held = next((result.held for result in results if result.held), "")
    failing = (Verdict.SEMANTIC, Verdict.INTERNAL_PRECISION, Verdict.STABILITY)
    return [
        replace(finding, verdict=Verdict.INCONCLUSIVE, side=None, causes=(), message=held)
        if held and LeafName(finding.leaf).is_gradient and finding.verdict in failing
        else finding
        for finding in findings
    ]
