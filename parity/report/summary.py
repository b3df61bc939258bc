"""Findings by operation, dtype and mode: the rows of the table in the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from parity.judge.finding import Finding, Verdict
from parity.judge.report import Report
from parity.judge.text import line


@dataclass(frozen=True)
class ComparisonSummary:
    """All findings of one report on one rung in one mode.

    Attributes:
        comparisons: how many findings there are.
        worst: the finding of the worst verdict and, among these, of the largest error.
    """

    name: str
    dtype: str
    mode: str
    comparisons: int
    verdict: Verdict
    worst: Finding

    @property
    def error(self) -> str:
        """The error of the worst finding as text."""
        return f"{self.worst.error:.1e}" if self.worst.error == self.worst.error else "–"


def summaries(reports: Iterable[Report]) -> list[ComparisonSummary]:
    """One for each report, dtype and mode, in the order of the findings."""
    rows = []
    for report in reports:
        groups: dict[tuple[str, str], list[Finding]] = {}
        for finding in report.findings:
            groups.setdefault((finding.dtype, finding.mode), []).append(finding)
        for (dtype, mode), findings in groups.items():
            worst = max(findings, key=lambda f: (f.verdict.severity, f.error if f.error == f.error else -1.0))
            rows.append(ComparisonSummary(report.name, dtype, mode, len(findings), worst.verdict, worst))
    return rows


def failures(reports: Iterable[Report]) -> list[str]:
    """One line for each finding that does not pass."""
    return [f"{report.name}: {line(f)}" for report in reports for f in report.findings if not f.verdict.passes]
