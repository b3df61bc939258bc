"""The report of one check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from parity.execution.backends import CALLERS
from parity.execution.environment import matmul_precisions
from parity.judge import text
from parity.judge.finding import Finding, Verdict
from parity.judge.serialize import plain

SCHEMA = "parity-report/1"


@dataclass(frozen=True)
class Report:
    """All findings of one pair of functions.

    Attributes:
        name: what was checked.
        findings: one for each leaf, rung and mode.
        environment: versions, devices and precision settings of the run.
        uninformative: leaves that say nothing in a regime other than the caller's own inputs (saturated, all NaN):
            neither passed nor failed.
        replay: the line that repeats the check on its saved inputs; empty if they were not saved.
    """

    name: str
    findings: tuple[Finding, ...]
    environment: Mapping[str, Any] = field(default_factory=dict)
    uninformative: tuple[Finding, ...] = ()
    replay: str = ""

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings; VACUOUS if there is none."""
        return max((f.verdict for f in self.findings), key=lambda v: v.severity, default=Verdict.VACUOUS)

    @property
    def passed(self) -> bool:
        """True if every finding passes and there is at least one."""
        return self.verdict.passes

    def __str__(self) -> str:
        told = text.report(self.name, self.verdict, self.findings, self.uninformative)
        if self.environment.get("precision") == CALLERS:
            told += f"\n  matmul precision below float64, as the process is set: {matmul_precisions(self.environment)}"
        return f"{told}\n  replay: {self.replay}" if self.replay else told

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts; numbers that JSON lacks are the strings "nan", "inf", "-inf"."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "verdict": str(self.verdict),
            "passed": self.passed,
            "findings": plain(self.findings),
            "uninformative": plain(self.uninformative),
            "replay": self.replay,
            "environment": dict(self.environment),
        }

    def to_json(self) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)


class ParityError(AssertionError):
    """`assert_parity` found a difference; its text is the report, which `.report` holds."""

    def __init__(self, report: Report) -> None:
        super().__init__(f"\n{report}")
        self.report = report
