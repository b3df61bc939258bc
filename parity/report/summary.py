"""Findings counted: the rows that the terminal's table and the Markdown table both show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from parity.judge.finding import Finding, Verdict
from parity.judge.report import Report
from parity.judge.text import line


@dataclass(frozen=True)
class Row:
    """All findings of one report on one rung in one mode."""

    name: str
    dtype: str
    mode: str
    comparisons: int
    verdict: Verdict
    worst: Finding

    @property
    def error(self) -> str:
        return f"{self.worst.error:.1e}" if self.worst.error == self.worst.error else "–"


def rows(reports: Iterable[Report]) -> list[Row]:
    found = []
    for report in reports:
        groups: dict[tuple[str, str], list[Finding]] = {}
        for finding in report.findings:
            groups.setdefault((finding.dtype, finding.mode), []).append(finding)
        for (dtype, mode), findings in groups.items():
            worst = max(findings, key=lambda f: (f.verdict.severity, f.error if f.error == f.error else -1.0))
            found.append(Row(report.name, dtype, mode, len(findings), worst.verdict, worst))
    return found


def failures(reports: Iterable[Report]) -> list[str]:
    return [f"{report.name}: {line(f)}" for report in reports for f in report.findings if not f.verdict.passes]
