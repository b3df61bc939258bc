"""Today's results beside those of an earlier run: what became slower?

Times of two runs cannot be paired. Each candidate was paired, in its own run, with the same fixed piece of work (the
yardstick); the two ratios are set side by side, and the interval of their quotient is as wide as both ends allow.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parity.bench.machine.environment import same_place
from parity.bench.run import SCHEMA
from parity.bench.timing.interval import Estimate
from parity.bench.timing.verdict import Speed
from parity.errors import InputError

# Smallest change between two runs worth a word. Another process has its arrays and its code at other addresses, and the
# yardstick does not slow down as memory does. Measured, two runs of the same functions over all operations, 75 candidates: ratios
# with a standard deviation of 7.6 %, the worst 1.20; 8 of them were called a change without a margin, 4 with 3 %, 1 with 5 %,
# none with 10 %.
MARGIN = 0.10


@dataclass(frozen=True)
class Change:
    """One candidate then and now.

    Attributes:
        ratio: its time now / then, in units of the yardstick; None where one of the two was not timed.
        verdict: SLOWER is a regression.
    """

    comparison: str
    candidate: str
    ratio: Estimate | None
    verdict: str
    message: str = ""

    @property
    def is_regression(self) -> bool:
        return self.verdict in (Speed.SLOWER, LOST)


LOST = "LOST"  # was timed then and fails now


def load(path: Path) -> dict[str, Any]:
    """A `bench.json` of an earlier run.

    Raises:
        InputError: it is missing, damaged, or of another schema.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"--compare: cannot read {path} ({error}); give a bench.json that parity bench wrote"
        ) from error
    schema = found.get("schema") if isinstance(found, dict) else None
    if schema != SCHEMA:
        raise InputError(
            f"--compare: {path} has the schema {schema!r}, expected {SCHEMA!r}; make it anew with parity bench"
        )
    return found


def refuse_another(now: Mapping[str, Any], then: Mapping[str, Any]) -> None:
    """`InputError` if the two ran on different machines or with different settings."""
    different = same_place(now["environment"], then["environment"])
    for key in ("device", "threads", "cache"):
        if now["settings"][key] != then["settings"][key]:
            different = different or f"{key} was {then['settings'][key]!r}, now it is {now['settings'][key]!r}"
    if different:
        raise InputError(
            f"--compare: the two runs cannot be set side by side: {different}; measure both on one machine"
        )


def changes(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[Change]:
    """Each candidate of both runs.

    Raises:
        InputError: they ran on different machines or with different settings, or have nothing in common.
    """
    refuse_another(now, then)
    old = {_key(one): one for one in then["comparisons"]}
    found = [change for one in now["comparisons"] if _key(one) in old for change in _changes(one, old[_key(one)])]
    if not found:
        raise InputError("--compare: the two runs have no comparison in common; select the same operations and sizes")
    return found


def _key(comparison: Mapping[str, Any]) -> str:
    sizes = ",".join(f"{axis}={size}" for axis, size in sorted(comparison["sizes"].items()))
    return f"{comparison['op']} {comparison['kind']} {comparison['dtype']} [{sizes}]"


def _changes(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[Change]:
    found, before = [], {row["name"]: row for row in then["candidates"]}
    after = {row["name"]: row for row in now["candidates"]}
    for name, old in before.items():
        new = after.get(name)
        if old["yardstick"] is None:
            continue
        if new is None or new["yardstick"] is None:
            why = (new["message"] if new else now["message"]) or "it is not there any more"
            found.append(Change(_key(now), name, None, LOST, why))
            continue
        ratio = quotient(new["yardstick"], old["yardstick"])
        found.append(Change(_key(now), name, ratio, judge(ratio)))
    return found


def quotient(now: Mapping[str, float], then: Mapping[str, float]) -> Estimate:
    """now / then, with the widest interval that the ends of both allow."""
    if any(part is None for part in (*now.values(), *then.values())):
        return Estimate(now["value"] / then["value"], math.nan, math.nan)
    return Estimate(now["value"] / then["value"], now["low"] / then["high"], now["high"] / then["low"])


def judge(ratio: Estimate) -> str:
    """SLOWER or FASTER if the whole interval is beyond the margin, SAME if it is within."""
    if math.isnan(ratio.low):
        return Speed.CANNOT_TELL
    if ratio.reach <= MARGIN:
        return Speed.SAME
    if math.log(ratio.low) > MARGIN:
        return Speed.SLOWER
    return Speed.FASTER if math.log(ratio.high) < -MARGIN else Speed.CANNOT_TELL
