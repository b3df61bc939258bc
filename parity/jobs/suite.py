"""The main job: checks every built-in operation on every rung and in every mode, then runs the training."""

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
from parity.sides import JAX, TORCH
from parity.spec import Op

DIGITS = "digits"


@dataclass
class Suite:
    """The selection, and what is finished of it.

    Attributes:
        selected: names of operations, and `digits`.
        reports: one for each that is finished, in the order of `selected`.
        training: the training run, once it is finished.
    """

    selected: tuple[str, ...]
    reports: list[Report] = field(default_factory=list)
    training: Training | None = None

    @property
    def complete(self) -> bool:
        """Whether everything that was selected is finished."""
        return len(self.reports) == len(self.selected)

    @property
    def passed(self) -> bool:
        """Whether everything that was selected is finished and passed; an empty selection does not pass."""
        return self.complete and bool(self.reports) and all(report.passed for report in self.reports)


def select(names: Sequence[str]) -> tuple[str, ...]:
    """The operations of these names, and `digits`; all of them without a name.

    Raises:
        InputError: there is no such operation.
    """
    known = (*ops.names(), DIGITS)
    for name in names:
        if name not in known:
            raise InputError(f"SELECT: got {name!r}, expected some of {', '.join(known)}")
    return tuple(name for name in known if not names or name in names)


def check_op(op: Op, dtypes: Sequence[str], modes: Sequence[str], progress: Callable[[str], None]) -> Report:
    """The report of one built-in operation on its seeded inputs of the first size."""
    return check(
        op.implementation(JAX),
        op.implementation(TORCH),
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
    """Checks what `suite` selects. Each report is in `suite` before it is yielded, so that a stopped run loses nothing.

    Args:
        steps: training steps of each side on the digits.
        progress: called with the name, a message, and the fraction of it that is done.
        processes: how many operations are checked at a time.
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
        return digits.run(steps, lambda message, done: progress(DIGITS, message, done / (3 * steps)))
    rungs, started = len(modes) * len({"float64", *dtypes}), 0

    def advance(message: str) -> None:
        nonlocal started
        progress(name, message, started / rungs)
        started += 1

    return check_op(ops.load(name), dtypes, modes, advance), None
