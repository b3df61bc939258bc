"""Every built-in operation in every regime: extreme values, and all its sizes, the long and the odd ones too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from parity import ops
from parity.check import check
from parity.finding import Verdict
from parity.inputs import REGIMES, seeded_inputs
from parity.report.report import Report
from parity.spec import Case


@dataclass(frozen=True)
class Cell:
    """One case in one regime: its worst verdict; None if nothing could be seen there."""

    case: Case
    regime: str
    comparisons: int
    verdict: Verdict | None
    report: Report


def cells(
    names: Sequence[str], dtypes: Sequence[str], progress: Callable[[str], None] = lambda words: None
) -> Iterator[Cell]:
    """Judges all sizes of the operations in all regimes, uncompiled, in float64 and `dtypes`."""
    for op in map(ops.load, names):
        for sizes in op.sizes:
            case = Case(op, sizes, "float64")
            inputs = seeded_inputs(op, sizes)
            for regime in REGIMES:
                progress(f"{case} {regime}")
                report = check(
                    op.implementation("jax"),
                    op.implementation("torch"),
                    inputs,
                    reference=op.reference,
                    wrt=op.wrt,
                    dtypes=dtypes,
                    regimes=(regime,),
                    name=op.name,
                )
                # In the regime `unit` too: a case with one visible key has no gradient to the query.
                told = [finding for finding in report.findings if finding.verdict is not Verdict.VACUOUS]
                worst = max((f.verdict for f in told), key=lambda v: v.severity, default=None)
                yield Cell(case, regime, len(told), worst, report)
