"""The built-in operations where functions break: each regime of values, extreme sizes, special inputs of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from parity import ops
from parity.api import check
from parity.data.inputs import REGIMES, seeded_inputs
from parity.errors import InputError
from parity.judge import deviations
from parity.judge.finding import Finding, Verdict
from parity.judge.report import Report
from parity.judge.text import line
from parity.processes.pool import Progress, run_tasks
from parity.spec import Op

# Extreme sizes of the axes that an operation has. Primes, so that no block size divides them.
SHAPES: Mapping[str, Mapping[str, int]] = {
    "long sequence": {"T": 1021, "S": 1031},
    "one key": {"S": 1},
    "one query": {"T": 1},
    "empty batch": {"B": 0},
}
DTYPES = ("float32", "bfloat16")
DEVIATIONS = Path(__file__).parents[1] / "ops" / "deviations.toml"
CAUSES_S = 2.0
UNINFORMATIVE, REJECTED = "uninformative", "rejected"


@dataclass(frozen=True)
class Row:
    """One operation in one regime, over its sizes.

    Attributes:
        outcome: the worst verdict; `uninformative` where no comparison said anything, `rejected` where both sides refuse the
            inputs in the same words.
        comparisons: leaves × rungs × sizes, and `silent` of them said nothing (saturated, all NaN).
    """

    op: str
    regime: str
    outcome: str
    passed: bool
    comparisons: int
    silent: int
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def cases(op: Op) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Regime → the regime of values and the inputs of each check."""
    seeded = [seeded_inputs(op, sizes) for sizes in op.sizes]
    found = {regime: [(regime, inputs) for inputs in seeded] for regime in REGIMES}
    for name, axes in SHAPES.items():
        changed = {axis: size for axis, size in axes.items() if axis in op.sizes[0]}
        if changed:
            found[name] = [("unit", seeded_inputs(op, {**op.sizes[0], **changed}))]
    return found | {name: [("unit", change(inputs)) for inputs in seeded] for name, change in op.special.items()}


def select(names: Sequence[str]) -> tuple[str, ...]:
    """The operations that are called so; all of them for no name."""
    for name in names:
        if name not in ops.names():
            raise InputError(f"SELECT: got {name!r}, expected some of {', '.join(ops.names())}")
    return tuple(name for name in ops.names() if not names or name in names)


def run(names: Sequence[str], progress: Progress, processes: int = 1) -> Iterator[list[Row]]:
    """The rows of one operation after the other, as they are finished."""
    for _, rows in run_tasks(_work, [(name, ()) for name in names], processes, progress):
        yield rows


def _work(name: str, progress: Progress) -> list[Row]:
    op = ops.load(name)
    rows: list[Row] = []
    all_cases = cases(op)
    for regime, checks in all_cases.items():
        progress(name, regime, len(rows) / len(all_cases))
        rows.append(row(op, regime, [_check(op, values, inputs) for values, inputs in checks]))
    return rows


def _check(op: Op, values: str, inputs: dict[str, Any]) -> Report:
    functions = op.implementation("jax"), op.implementation("torch")
    options: dict[str, Any] = {"reference": op.reference, "wrt": op.wrt, "dtypes": DTYPES, "name": op.name}
    return check(*functions, inputs, regimes=(values,), causes_s=CAUSES_S, **options)


def row(op: Op, regime: str, reports: Sequence[Report]) -> Row:
    """What the reports of one operation come to, declared deviations applied to all of them together."""
    # Extreme sizes are "unit" values to `check`; here, and in declared deviations, they go by their own name.
    found = [finding for report in reports for finding in (*report.findings, *report.uninformative)]
    every = [replace(finding, regime=regime) for finding in found]
    # Parity made these inputs: that they say nothing is no fault of the functions.
    silent = [f for f in every if f.verdict is Verdict.VACUOUS and regime != "unit"]
    declared = [d for d in deviations.checked(DEVIATIONS, op.name) if fnmatchcase(regime, d.regime)]
    findings = deviations.apply(declared, [finding for finding in every if finding not in silent])
    worst = max(findings, key=lambda f: f.verdict.severity, default=None)
    outcome, passed = (
        str(worst.verdict) if worst else UNINFORMATIVE,
        bool(every) and (not worst or worst.verdict.passes),
    )
    if _rejected(findings):
        outcome, passed = REJECTED, True
    message = "" if worst is None or worst.verdict in (Verdict.EXACT, Verdict.ROUNDING) else line(worst)
    return Row(op.name, regime, outcome, passed, len(every), len(silent), message)


def _rejected(findings: Sequence[Finding]) -> bool:
    """Do both sides raise the same ValueError, and is that all that happens?"""
    # The place in the code, which follows the words, is another on each side.
    words = {side: {f.message.split(" at /")[0] for f in findings if f.side == side} for side in ("jax", "torch")}
    raised = all(f.verdict is Verdict.ERROR and f.message.startswith("ValueError") for f in findings)
    return bool(findings) and raised and words["jax"] == words["torch"]
