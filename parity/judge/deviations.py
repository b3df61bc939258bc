"""Declared, accepted differences: what may differ, how far, why, and who answers for it.

`parity.check`, `parity regimes` and `parity.check_transforms` take `Deviation` objects or a TOML file with one table for each,
whose keys are the attributes of `Deviation`:

    [[deviation]]
    op = "attention"
    leaf = "out*"
    verdict = "SEMANTIC"
    bound = 1e-3
    reason = "torch keeps ..."
    owner = "name"
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from parity.errors import InputError
from parity.judge.finding import Finding, Verdict
from parity.sides import SIDES


@dataclass(frozen=True)
class Deviation:
    """One accepted difference. Patterns are those of `fnmatch`, such as `attention*`.

    Attributes:
        leaf: pattern of the leaf, `grad/*` for every gradient. A cell of the matrix is judged as a whole: `*` there.
        verdict: what the finding is without this declaration; one that fails.
        bound: largest accepted difference, a fraction of the leaf's largest magnitude. inf accepts everything, also what
            cannot be subtracted: NaN against a number, or an exception.
        reason, owner: why this is accepted, and who answers for it.
        op: pattern of the name of the check or operation.
        side: accepted only where this side is at fault; None for both.
        dtype, mode, regime: patterns of the rung, of eager and compiled, and of the kind of inputs.
        group, cell: patterns of the cells of `check_transforms` that this is about, `cell` one or several. Without them it is
            about `check` and `parity regimes`.
        error: with verdict ERROR, a part of the framework's message; for `check`, of its first line.
        link: where this is documented, an https address.
        cause: the name of a cause that is this difference wherever it is found: in a check without this declaration the cause
            carries the reason.

    Raises:
        InputError: a field has a wrong type or value, or does not go with the others.
    """

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
    group: str = ""
    cell: str | tuple[str, ...] = ""
    error: str = ""
    link: str = ""
    cause: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.cell, list):  # from TOML; a declaration is hashed
            object.__setattr__(self, "cell", tuple(self.cell))
        failing = [str(verdict) for verdict in Verdict if not verdict.passes]
        if self.verdict not in failing:
            raise InputError(f"deviations: verdict is {self.verdict!r}, expected one of {', '.join(failing)}")
        if isinstance(self.bound, bool) or not isinstance(self.bound, (int, float)) or not self.bound >= 0:
            raise InputError(f"deviations: bound is {self.bound!r}, expected a number from 0 to inf")
        if self.side not in (None, *SIDES):
            raise InputError(f"deviations: side is {self.side!r}, expected {' or '.join(SIDES)}, or none at all")
        required = {name: getattr(self, name) for name in ("leaf", "reason", "owner", "op", "dtype", "mode", "regime")}
        optional = {
            name: getattr(self, name) for name in ("group", "error", "link", "cause") if getattr(self, name) != ""
        }
        cells = [("cell", pattern) for pattern in self.cells or ("",)] if self.cell != "" else []
        for name, text in (*required.items(), *optional.items(), *cells):
            if not isinstance(text, str) or not text.strip():
                raise InputError(f"deviations: {name} is {text!r}, expected text")
        if bool(self.group) != bool(self.cell):
            raise InputError(f"deviations: group is {self.group!r} and cell {self.cell!r}, expected both or neither")
        if self.error and self.verdict != Verdict.ERROR:
            raise InputError(f"deviations: error goes with verdict ERROR, not with {self.verdict}")
        if self.cell and self.verdict == Verdict.ERROR and not (self.side and self.error):
            raise InputError(
                "deviations: a cell that a framework does not support needs side and error, a part of its message"
            )
        if self.link and not self.link.startswith("https://"):
            raise InputError(f"deviations: link is {self.link!r}, expected an address that begins with https://")

    @property
    def cells(self) -> tuple[str, ...]:
        """The patterns in `cell`."""
        return self.cell if isinstance(self.cell, tuple) else (self.cell,)

    def concerns(self, op: str, group: str = "", cell: str = "") -> bool:
        """Whether this is about the check called `op`, or about this cell of its matrix."""
        return (
            fnmatchcase(op, self.op)
            and bool(group) == bool(self.group)
            and fnmatchcase(group, self.group)
            and any(fnmatchcase(cell, pattern) for pattern in self.cells)
        )

    def was_run(self, finding: Finding) -> bool:
        """Whether the finding's rung, mode and kind of inputs are some that this is about."""
        pairs = ((finding.dtype, self.dtype), (finding.mode, self.mode), (finding.regime, self.regime))
        return all(fnmatchcase(value, pattern) for value, pattern in pairs)

    def tells(self, cause: str, finding: Finding) -> bool:
        """Whether a finding with this cause, of any check, is this difference: same verdict and leaf, within the bound."""
        is_leaf = fnmatchcase(finding.leaf, self.leaf) or finding.leaf.startswith(f"{self.leaf}/")
        is_same = finding.verdict == self.verdict and self.side in (None, finding.side) and self.was_run(finding)
        return bool(self.cause) and cause == self.cause and is_leaf and is_same and finding.error <= self.bound

    def covers(self, finding: Finding) -> bool:
        """Whether this accepts the finding of a check or cell that it concerns."""
        patterns = ((finding.leaf, self.leaf), (finding.dtype, self.dtype), (finding.mode, self.mode))
        return (
            all(fnmatchcase(value, pattern) for value, pattern in (*patterns, (finding.regime, self.regime)))
            and finding.verdict == self.verdict
            and self.side in (None, finding.side)
            and self.error in finding.message
            # A difference that cannot be subtracted (NaN against a number) needs a bound that says so.
            and (finding.error <= self.bound or (math.isinf(self.bound) and not finding.error <= self.bound))
        )


def load(deviations: Any) -> tuple[Deviation, ...]:
    """The declarations of a TOML file, or the given objects.

    Raises:
        InputError: no such file, no TOML, a table with a missing, unknown or wrong entry, or objects of another class.
    """
    if isinstance(deviations, (str, Path)):
        return _read(Path(deviations))
    declared = tuple(deviations) if isinstance(deviations, Iterable) else (deviations,)
    for deviation in declared:
        if not isinstance(deviation, Deviation):
            kind = type(deviation).__name__
            raise InputError(f"deviations: got a {kind}, expected parity.Deviation objects or the path of a TOML file")
    return declared


def _read(path: Path) -> tuple[Deviation, ...]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"deviations: cannot read {path} ({error})") from error
    tables = content.get("deviation", [])
    if content.keys() - {"deviation"} or not isinstance(tables, list):
        raise InputError(f"deviations: {path} has {', '.join(content)}, expected [[deviation]] tables alone")
    return tuple(_from_table(table, f"entry {number} of {path}") for number, table in enumerate(tables, 1))


def _from_table(table: Any, entry: str) -> Deviation:
    known = {field.name: field.default is MISSING for field in fields(Deviation)}
    unknown = sorted(table.keys() - known) if isinstance(table, dict) else [table]
    if unknown:
        raise InputError(
            f"deviations: {entry} has {', '.join(map(repr, unknown))}, expected some of {', '.join(sorted(known))}"
        )
    if missing := [name for name, required in known.items() if required and name not in table]:
        raise InputError(f"deviations: {entry} lacks {', '.join(missing)}")
    try:
        return Deviation(**table)
    except InputError as error:
        raise InputError(f"deviations: {entry}: {str(error).removeprefix('deviations: ')}") from error


def checked(deviations: Any, op: str) -> tuple[Deviation, ...]:
    """The declarations of a file or a sequence that concern the check called `op`; raises as `load` does."""
    return tuple(deviation for deviation in load(deviations) if deviation.concerns(op))


def apply(
    deviations: Iterable[Deviation], findings: Sequence[Finding], silent: Sequence[Finding] = ()
) -> list[Finding]:
    """The findings, with CONVENTION where a declaration covers one; a declaration that covers none is stale and fails.

    One about a precision, a mode or a kind of inputs that was not run is neither.

    Args:
        silent: findings that are not judged here; what they are about was run all the same.
    """
    declared = tuple(deviations)
    covers = [next((deviation for deviation in declared if deviation.covers(finding)), None) for finding in findings]
    accepted = {
        (f.leaf, f.regime): cover for f, cover in zip(findings, covers, strict=True) if cover and f.dtype == "float64"
    }
    used: set[Deviation] = set()
    judged = []
    for finding, own_cover in zip(findings, covers, strict=True):
        cover = own_cover or _waiting_for(finding, accepted.get((finding.leaf, finding.regime)))
        if cover is not None:
            used.add(cover)
            reason = f"{cover.reason} ({cover.link})" if cover.link else cover.reason
            message = f"declared by {cover.owner}: {reason}; {finding.verdict}: {finding.message}"
            finding = replace(finding, verdict=Verdict.CONVENTION, message=message)
        judged.append(finding)
    for deviation in declared:
        if deviation not in used and any(deviation.was_run(finding) for finding in (*findings, *silent)):
            message = (
                f"stale: declared as {deviation.verdict} by {deviation.owner} ({deviation.reason}), but it did not occur; "
                "remove it"
            )
            judged.append(Finding(deviation.leaf, "*", "*", Verdict.VACUOUS, deviation.side, message=message))
    return judged


def _waiting_for(finding: Finding, accepted: Deviation | None) -> Deviation | None:
    """A lower rung cannot be decided when float64 differs; where that is declared, the bound decides here too."""
    if accepted is None or finding.verdict is not Verdict.INCONCLUSIVE:
        return None
    as_declared = replace(finding, verdict=Verdict(accepted.verdict), side=accepted.side)
    return accepted if accepted.covers(as_declared) else None
