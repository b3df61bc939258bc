"""The main job: every built-in operation on every rung and in every mode, then the training run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from parity import ops
from parity.api import check
from parity.data.inputs import seeded_inputs
from parity.errors import InputError
from parity.jobs import digits
from parity.jobs.digits import Training
from parity.judge.report import Report
from parity.processes.pool import Progress, run_tasks
from parity.spec import Op

DIGITS = "digits"


@dataclass
class Suite:
    """What was selected and what is finished so far.

    Attributes:
        selected: names of the operations, and `digits`.
        reports: one for each that is finished, in that order.
        training: the training run, once it is finished.
    """

    selected: tuple[str, ...]
    reports: list[Report] = field(default_factory=list)
    training: Training | None = None

    @property
    def complete(self) -> bool:
        return len(self.reports) == len(self.selected)

    @property
    def passed(self) -> bool:
        return self.complete and bool(self.reports) and all(report.passed for report in self.reports)


def select(names: Sequence[str]) -> tuple[str, ...]:
    """The operations and `digits` that are called so; all of them for no name."""
    known = (*ops.names(), DIGITS)
    for name in names:
        if name not in known:
            raise InputError(f"SELECT: got {name!r}, expected some of {', '.join(known)}")
    return tuple(name for name in known if not names or name in names)


def check_op(op: Op, dtypes: Sequence[str], modes: Sequence[str], progress: Callable[[str], None]) -> Report:
    return check(
        op.implementation("jax"),
        op.implementation("torch"),
        seeded_inputs(op, op.sizes[0]),
        reference=op.reference,
        wrt=op.wrt,
        dtypes=dtypes,
        modes=modes,
        name=op.name,
        progress=progress,
    )


def run(
    suite: Suite,
    dtypes: Sequence[str],
    modes: Sequence[str],
    steps: int,
    progress: Progress,
    processes: int = 1,
) -> Iterator[Report]:
    """Works through the selection; each report is in `suite` before it is yielded, so that nothing finished is lost.

    Args:
        progress: called with the name, what is going on in it, and the fraction of it that is done.
        processes: how many operations are worked on at a time.
    """
    # The longest first, so that no process waits for it at the end.
    names = sorted(suite.selected, key=lambda name: name not in (DIGITS, "train_step"))
    tasks = [(name, (tuple(dtypes), tuple(modes), steps)) for name in (suite.selected if processes == 1 else names)]
    for _, (report, training) in run_tasks(_work, tasks, processes, progress):
        suite.reports.append(report)
        suite.reports.sort(key=lambda finished: suite.selected.index(finished.name))
        suite.training = training or suite.training
        yield report


def _work(
    name: str, dtypes: Sequence[str], modes: Sequence[str], steps: int, progress: Progress
) -> tuple[Report, Training | None]:
    if name == DIGITS:
        return digits.run(steps, lambda words, done: progress(DIGITS, words, done / (3 * steps)))
    rungs, started = len(modes) * len({"float64", *dtypes}), 0

    def advance(words: str) -> None:
        nonlocal started
        progress(name, words, started / rungs)
        started += 1

    return check_op(ops.load(name), dtypes, modes, advance), None
