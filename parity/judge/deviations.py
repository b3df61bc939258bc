"""Declared, accepted differences: what may differ, how far, why, and who answers for it.

A file `parity-deviations.toml` holds one table for each:

    [[deviation]]
    op = "attention"              # name of the check, a pattern such as "*" or "attention*"
    leaf = "out*"                 # pattern of the leaf
    verdict = "SEMANTIC"          # what it is without the declaration
    side = "torch"                # optional: only when this side is the one named
    dtype = "*"                   # optional pattern
    regime = "*"                  # optional pattern
    bound = 1e-3                  # largest accepted difference, a fraction of the leaf's largest magnitude; inf for none
    reason = "torch keeps ..."
    owner = "name"
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from parity.errors import InputError
from parity.judge.finding import Finding, Verdict
from parity.sides import SIDES


@dataclass(frozen=True)
class Deviation:
    """One declaration; the fields are those of the file."""

    leaf: str
    verdict: str
    bound: float
    reason: str
    owner: str
    op: str = "*"
    side: str | None = None
    dtype: str = "*"
    mode: str = "*"
    regime: str = "*"

    def __post_init__(self) -> None:
        failing = [str(verdict) for verdict in Verdict if not verdict.passes]
        if self.verdict not in failing:
            raise InputError(f"deviations: verdict is {self.verdict!r}, expected one of {', '.join(failing)}")
        if isinstance(self.bound, bool) or not isinstance(self.bound, (int, float)) or not self.bound >= 0:
            raise InputError(f"deviations: bound is {self.bound!r}, expected a number from 0 to inf")
        for field in ("leaf", "reason", "owner", "op", "dtype", "mode", "regime"):
            if not isinstance(getattr(self, field), str) or not getattr(self, field).strip():
                raise InputError(f"deviations: {field} is {getattr(self, field)!r}, expected words")
        if self.side not in (None, *SIDES):
            raise InputError(f"deviations: side is {self.side!r}, expected {' or '.join(SIDES)}, or none at all")

    def covers(self, finding: Finding) -> bool:
        patterns = ((finding.leaf, self.leaf), (finding.dtype, self.dtype), (finding.mode, self.mode))
        return (
            all(fnmatchcase(value, pattern) for value, pattern in (*patterns, (finding.regime, self.regime)))
            and finding.verdict == self.verdict
            and self.side in (None, finding.side)
            # A difference that cannot be subtracted (NaN against a number) needs a bound that says so.
            and (finding.error <= self.bound or (math.isinf(self.bound) and not finding.error <= self.bound))
        )


def load(path: Path) -> tuple[Deviation, ...]:
    """The declarations of a TOML file.

    Raises:
        InputError: no such file, no TOML, or a table with a missing, unknown or wrong entry.
    """
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"deviations: cannot read {path} ({error})") from error
    tables = content.get("deviation", [])
    if content.keys() - {"deviation"} or not isinstance(tables, list):
        raise InputError(f"deviations: {path} has {', '.join(content)}, expected [[deviation]] tables alone")
    known = {field.name for field in fields(Deviation)}
    found = []
    for number, table in enumerate(tables, 1):
        unknown = sorted(set(table) - known) if isinstance(table, dict) else [repr(table)]
        if unknown:
            raise InputError(
                f"deviations: entry {number} of {path} has {', '.join(unknown)}, expected {', '.join(sorted(known))}"
            )
        try:
            found.append(Deviation(**table))
        except (InputError, TypeError) as error:
            words = str(error).removeprefix("deviations: ").replace("Deviation.__init__()", "it")
            raise InputError(f"deviations: entry {number} of {path}: {words}") from error
    return tuple(found)


def checked(deviations: Any, op: str) -> tuple[Deviation, ...]:
    """The declarations of a file or a sequence that concern the check called `op`."""
    if isinstance(deviations, (str, Path)):
        deviations = load(Path(deviations))
    found = tuple(deviations) if isinstance(deviations, Iterable) else (deviations,)
    for deviation in found:
        if not isinstance(deviation, Deviation):
            kind = type(deviation).__name__
            raise InputError(f"deviations: got a {kind}, expected parity.Deviation objects or the path of a TOML file")
    return tuple(deviation for deviation in found if fnmatchcase(op, deviation.op))


def apply(deviations: Iterable[Deviation], findings: Sequence[Finding]) -> list[Finding]:
    """The findings, with CONVENTION where a declaration covers one; a declaration that covers none is stale and fails."""
    declared = tuple(deviations)
    covers = [next((deviation for deviation in declared if deviation.covers(finding)), None) for finding in findings]
    accepted = {
        (f.leaf, f.regime): cover for f, cover in zip(findings, covers, strict=True) if cover and f.dtype == "float64"
    }
    used: set[Deviation] = set()
    judged = []
    for finding, found in zip(findings, covers, strict=True):
        cover = found or _waiting_for(finding, accepted.get((finding.leaf, finding.regime)))
        if cover is not None:
            used.add(cover)
            words = f"declared by {cover.owner}: {cover.reason}; {finding.verdict}: {finding.message}"
            finding = replace(finding, verdict=Verdict.CONVENTION, message=words)
        judged.append(finding)
    for deviation in declared:
        if deviation not in used:
            words = f"stale: declared as {deviation.verdict} by {deviation.owner} ({deviation.reason}), but it did not occur"
            judged.append(
                Finding(deviation.leaf, "*", "*", Verdict.VACUOUS, deviation.side, message=f"{words}; remove it")
            )
    return judged


def _waiting_for(finding: Finding, accepted: Deviation | None) -> Deviation | None:
    """A lower rung cannot be decided when float64 differs; where that is declared, the bound decides here too."""
    if accepted is None or finding.verdict is not Verdict.INCONCLUSIVE:
        return None
    as_declared = replace(finding, verdict=Verdict(accepted.verdict), side=accepted.side)
    return accepted if accepted.covers(as_declared) else None
