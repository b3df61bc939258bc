"""Checks the built-in operations on hard inputs: each regime of values, extreme sizes, special inputs of each operation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from parity.sides import JAX, SIDES, TORCH
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
class RegimeOutcome:
    """One operation in one regime, over all its sizes.

    Attributes:
        outcome: the worst verdict; `uninformative` if no comparison could have failed, `rejected` if both sides raise the same
            ValueError.
        comparisons: number of leaves × rungs × sizes.
        silent: how many of them could not have failed (saturated or all NaN).
        message: the worst finding where it is more than rounding.
    """

    op: str
    regime: str
    outcome: str
    passed: bool
    comparisons: int
    silent: int
    message: str = ""


def cases(op: Op) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Regime → for each check its regime of values and its inputs."""
    seeded = [seeded_inputs(op, sizes) for sizes in op.sizes]
    regimes = {regime: [(regime, inputs) for inputs in seeded] for regime in REGIMES}
    for name, axes in SHAPES.items():
        changed = {axis: size for axis, size in axes.items() if axis in op.sizes[0]}
        if changed:
            regimes[name] = [("unit", seeded_inputs(op, {**op.sizes[0], **changed}))]
    return regimes | {name: [("unit", change(inputs)) for inputs in seeded] for name, change in op.special.items()}


def select(names: Sequence[str]) -> tuple[str, ...]:
    """The operations of these names; all of them without a name.

    Raises:
        InputError: there is no such operation.
    """
    for name in names:
        if name not in ops.names():
            raise InputError(f"SELECT: got {name!r}, expected some of {', '.join(ops.names())}")
    return tuple(name for name in ops.names() if not names or name in names)


def run(names: Sequence[str], progress: Progress, processes: int = 1) -> Iterator[list[RegimeOutcome]]:
    """All outcomes of one operation after the other, as they are finished."""
    for _, outcomes in run_tasks(_work, [(name, ()) for name in names], processes, progress):
        yield outcomes


def _work(name: str, progress: Progress) -> list[RegimeOutcome]:
    op = ops.load(name)
    outcomes: list[RegimeOutcome] = []
    all_cases = cases(op)
    for regime, checks in all_cases.items():
        progress(name, regime, len(outcomes) / len(all_cases))
        outcomes.append(judge(op, regime, [_check(op, values, inputs) for values, inputs in checks]))
    return outcomes


def _check(op: Op, values: str, inputs: dict[str, Any]) -> Report:
    functions = op.implementation(JAX), op.implementation(TORCH)
    options: dict[str, Any] = {"reference": op.reference, "wrt": op.wrt, "dtypes": DTYPES, "name": op.name}
    return check(*functions, inputs, regimes=(values,), causes_s=CAUSES_S, **options)


def judge(op: Op, regime: str, reports: Sequence[Report]) -> RegimeOutcome:
    """The outcome of the checks of one operation in one regime; declared deviations apply to all of them together."""
    # To `check`, extreme sizes are "unit" values; here and in declared deviations they have a name of their own.
    findings = [
        replace(finding, regime=regime) for report in reports for finding in (*report.findings, *report.uninformative)
    ]
    # Parity made these inputs: it is not the fault of the functions if they cannot tell anything.
    silent = [f for f in findings if f.verdict is Verdict.VACUOUS and regime != "unit"]
    declared = [d for d in deviations.checked(DEVIATIONS, op.name) if fnmatchcase(regime, d.regime)]
    judged = deviations.apply(declared, [finding for finding in findings if finding not in silent], silent)
    worst = max(judged, key=lambda f: f.verdict.severity, default=None)
    outcome = str(worst.verdict) if worst else UNINFORMATIVE
    passed = bool(findings) and (not worst or worst.verdict.passes)
    if _rejected(judged):
        outcome, passed = REJECTED, True
    message = "" if worst is None or worst.verdict in (Verdict.EXACT, Verdict.ROUNDING) else line(worst)
    return RegimeOutcome(op.name, regime, outcome, passed, len(findings), len(silent), message)


def _rejected(findings: Sequence[Finding]) -> bool:
    """Do both sides raise the same ValueError, and is that all that happens?"""
    # The place in the code, which follows the text of the error, differs between the sides.
    jax, torch = ({f.message.split(" at /")[0] for f in findings if f.side == side} for side in SIDES)
    raised = all(f.verdict is Verdict.ERROR and f.message.startswith("ValueError") for f in findings)
    return bool(findings) and raised and jax == torch
