"""Differences that the declarations which come with parity describe, in checks that declare nothing: told by their text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

from parity.judge.deviations import Deviation, load
from parity.judge.finding import Cause, Finding

# Where a wheel has the file, and where a checkout has it.
_PLACES = (Path(__file__).with_name("deviations.toml"), Path(__file__).parents[2] / "parity-deviations.toml")


@cache
def shipped() -> tuple[Deviation, ...]:
    """The declarations that come with parity."""
    return load(next(place for place in _PLACES if place.is_file()))


def told(findings: Iterable[Finding]) -> list[Finding]:
    """The findings; a cause that a shipped declaration names has its reason as well.

    A declaration is about a check by its name. Here the name of the cause takes its place: the search showed that this edit, and
    so this convention, is the difference. The verdict stays, since nobody declared it.
    """
    return [replace(f, causes=tuple(_told(cause, f) for cause in f.causes)) for f in findings]


def _told(cause: Cause, finding: Finding) -> Cause:
    reason = next((entry.reason for entry in shipped() if entry.tells(cause.name, finding)), "")
    return replace(cause, evidence=f"{cause.evidence}; known convention: {reason}") if reason else cause
