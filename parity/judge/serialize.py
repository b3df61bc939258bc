"""Findings as plain data for JSON."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

from parity.judge.finding import Cause, Finding


def plain_finding(finding: Finding) -> dict[str, Any]:
    """The fields of a finding by name, ready for JSON."""
    return {f.name: plain(getattr(finding, f.name)) for f in fields(finding)}


def plain(value: Any) -> Any:
    """JSON has no NaN, no infinity and no complex number: these become strings."""
    if isinstance(value, Cause):
        return {"name": value.name, "evidence": value.evidence}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, complex) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)
    return str(value) if isinstance(value, str) else value
