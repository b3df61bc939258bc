"""Compares a run with an earlier one: what became slower?

Times of two runs cannot be paired. In its own run each candidate is paired with the same fixed matrix product (the normalizer);
the ratio of the two normalized times has the widest interval that the ends of both allow.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parity.bench.machine.environment import same_place
from parity.bench.plan import SCHEMA
from parity.bench.results import label
from parity.bench.timing.interval import Estimate
from parity.bench.timing.verdict import Speed
from parity.errors import InputError

# Smallest change between two runs to report. Another process has its arrays and its code at other addresses, and the normalizer
# does not slow down as memory does. Measured with two runs of the same functions, 75 candidates: ratios with a standard deviation
# of 7.6 %, the worst 1.20; 8 of them counted as a change without a margin, 4 with 3 %, 1 with 5 %, none with 10 %.
MARGIN = 0.10


@dataclass(frozen=True)
class Change:
    """One candidate in both runs.

    Attributes:
        ratio: normalized time now / normalized time then; None if it is no longer timed.
        verdict: SLOWER and LOST are regressions.
        message: why it is LOST.
    """

    comparison: str
    candidate: str
    ratio: Estimate | None
    verdict: str
    message: str = ""

    @property
    def is_regression(self) -> bool:
        """Slower, or no longer timed."""
        return self.verdict in (Speed.SLOWER, LOST)


LOST = "LOST"  # was timed then, fails now


def load(path: Path) -> dict[str, Any]:
    """The `bench.json` of an earlier run.

    Raises:
        InputError: the file is missing, damaged, or of another schema.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"--compare: cannot read {path} ({error}); give a bench.json that parity bench wrote"
        ) from error
    schema = report.get("schema") if isinstance(report, dict) else None
    if schema != SCHEMA:
        raise InputError(
            f"--compare: {path} has the schema {schema!r}, expected {SCHEMA!r}; create it again with parity bench"
        )
    return report


def refuse_another(now: Mapping[str, Any], then: Mapping[str, Any]) -> None:
    """Raises InputError if the two runs used different machines or settings."""
    different = same_place(now["environment"], then["environment"])
    for key in ("device", "threads", "cache"):
        if now["settings"][key] != then["settings"][key]:
            different = different or f"{key} was {then['settings'][key]!r}, now it is {now['settings'][key]!r}"
    if different:
        raise InputError(
            f"--compare: the two runs cannot be compared: {different}; measure both on one machine with the same settings"
        )


def changes(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[Change]:
    """A change for each candidate that was timed then.

    Raises:
        InputError: the runs used different machines or settings, or have no comparison in common.
    """
    refuse_another(now, then)
    old = {_key(one): one for one in then["comparisons"]}
    both = [one for one in now["comparisons"] if _key(one) in old]
    every = [change for one in both for change in _changes(one, old[_key(one)])]
    if not every:
        raise InputError("--compare: the two runs have no comparison in common; select the same operations and sizes")
    return every


def _key(comparison: Mapping[str, Any]) -> str:
    return label(*(comparison[part] for part in ("op", "kind", "dtype", "sizes")))


def _changes(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[Change]:
    changed = []
    rows = {row["name"]: row for row in now["candidates"]}
    for old in then["candidates"]:
        new = rows.get(old["name"])
        if old["yardstick"] is None:
            continue
        if new is None or new["yardstick"] is None:
            reason = (new["message"] if new else now["message"]) or "it is no longer a candidate"
            changed.append(Change(_key(now), old["name"], None, LOST, reason))
        else:
            ratio = quotient(new["yardstick"], old["yardstick"])
            changed.append(Change(_key(now), old["name"], ratio, judge(ratio)))
    return changed


def quotient(now: Mapping[str, float], then: Mapping[str, float]) -> Estimate:
    """now / then, with the widest interval that the ends of both allow."""
    if any(part is None for part in (*now.values(), *then.values())):
        return Estimate(now["value"] / then["value"], math.nan, math.nan)
    return Estimate(now["value"] / then["value"], now["low"] / then["high"], now["high"] / then["low"])


def judge(ratio: Estimate) -> str:
    """SLOWER or FASTER if the whole interval lies beyond the margin, SAME if it lies within, else CANNOT TELL."""
    if math.isnan(ratio.low):
        return Speed.CANNOT_TELL
    if ratio.reach <= MARGIN:
        return Speed.SAME
    if math.log(ratio.low) > MARGIN:
        return Speed.SLOWER
    return Speed.FASTER if math.log(ratio.high) < -MARGIN else Speed.CANNOT_TELL
