"""`check_transforms`: every cell of the matrix for anybody's pair of functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parity.data.arguments import parse
from parity.errors import InputError
from parity.execution import backends
from parity.judge.finding import Verdict
from parity.sides import SIDES
from parity.transforms import declared
from parity.transforms.catalogue import CELLS, Cell, select
from parity.transforms.fixtures import Fixtures
from parity.transforms.judge import LeftOut, judge
from parity.transforms.outcome import Outcome
from parity.transforms.subject import Subject

TIMEOUT_S = 300.0  # a first torch.compile takes 20 s on a busy machine


@dataclass
class Matrix:
    """What came of the cells so far.

    Attributes:
        outcomes: one for each cell that was judged.
        left_out: one for each that makes no sense for its operation, with the reason.
        complete: whether every cell is there.
        seconds: how long all of it took.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    complete: bool = False
    seconds: float = 0.0

    def add(self, found: Outcome | LeftOut) -> None:
        if isinstance(found, Outcome):
            self.outcomes.append(found)
        else:
            self.left_out.append(found)

    def sort(self, ops: Sequence[str]) -> None:
        """In the order of these operations and of the catalogue, whatever was finished first; then what is not in it."""
        order = {(cell.group, cell.name): number for number, cell in enumerate(CELLS)}

        def place(one: Outcome | LeftOut) -> tuple[int, int, str]:
            number = order.get((one.group, one.cell))
            return (len(ops), 0, one.group) if number is None else (ops.index(one.op), number, one.group)

        self.outcomes.sort(key=place)
        self.left_out.sort(key=place)

    @property
    def verdict(self) -> Verdict:
        """The worst of all; VACUOUS if no cell was judged."""
        return max((o.verdict for o in self.outcomes), key=lambda v: v.severity, default=Verdict.VACUOUS)

    @property
    def passed(self) -> bool:
        return self.complete and self.verdict.passes

    @property
    def failures(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if not outcome.verdict.passes]

    def outcome(self, group: str, cell: str, op: str | None = None) -> Outcome:
        """The one of this cell; KeyError if it was not judged."""
        for found in self.outcomes:
            if (found.group, found.cell) == (group, cell) and op in (None, found.op):
                return found
        raise KeyError(f"{group} {cell}")

    def __str__(self) -> str:
        lines = [
            f"{self.verdict}: {len(self.outcomes)} cells, {len(self.failures)} failed, {len(self.left_out)} left out"
        ]
        lines += [f"  {o.op} {o.group} {o.cell}: {o.verdict}: {o.message}" for o in self.failures]
        lines += [f"  {o.op} {o.group} {o.cell}: left out: {o.reason}" for o in self.left_out]
        return "\n".join(lines)


def check_transforms(
    jax_fn: Callable[..., Any],
    torch_fn: Callable[..., Any],
    inputs: Any,
    *,
    wrt: Any = "all",
    another: Any = None,
    groups: Sequence[str] | None = None,
    name: str = "",
    unsupported: str | Path = declared.FILE,
    timeout_s: float = TIMEOUT_S,
    progress: Callable[[str], None] = lambda cell: None,
) -> Matrix:
    """Transforms a pair of functions in every way of the catalogue, in float64, and judges each.

    Every cell is one comparison across the frameworks and one identity inside each (compiled = eager, vmap = loop, …).

    Args:
        jax_fn, torch_fn, inputs, wrt: as for `parity.check`.
        another: inputs of other shapes, to count compilations with; by default batches of other sizes are compiled.
        groups: some of `parity.transforms.catalogue.GROUPS`; all by default.
        name: stands in the outcomes, and declared entries go by it; by default the name of `jax_fn`.
        unsupported: a TOML file of what a framework does not support: see `parity/transforms/unsupported.toml`.
        timeout_s: seconds that one cell may take on one side.
        progress: called with a few words before each cell.

    Raises:
        InputError: the arguments cannot be used. What the functions do wrong is an outcome, never an exception.
    """
    for argument, function in (("jax_fn", jax_fn), ("torch_fn", torch_fn)):
        if not callable(function):
            raise InputError(f"{argument}: got {type(function).__name__}, expected a function")
    functions = (jax_fn, torch_fn)
    arguments, others = parse(inputs, wrt, functions), None if another is None else parse(another, wrt, functions)
    if others is not None and others.names != arguments.names:
        raise InputError(f"another: got {', '.join(others.names)}, expected {', '.join(arguments.names)} as in inputs")
    title = name or getattr(jax_fn, "__name__", type(jax_fn).__name__)
    subject = Subject(title, {"jax": jax_fn, "torch": torch_fn}, arguments, others)
    matrix = Matrix()
    chosen = select(None if groups is None else tuple(groups), own=False)
    for found in cells(subject, chosen, declared.load(Path(unsupported)), timeout_s, progress):
        matrix.add(found)
    matrix.complete = True
    matrix.seconds = sum(outcome.seconds for outcome in matrix.outcomes)
    return matrix


def cells(
    subject: Subject,
    chosen: Sequence[Cell],
    entries: Sequence[declared.Declared],
    timeout_s: float = TIMEOUT_S,
    progress: Callable[[str], None] = lambda cell: None,
) -> Iterator[Outcome | LeftOut]:
    """Judges one cell after another."""
    for side in SIDES:
        backends.get(side)
    fixtures = {side: Fixtures(subject, side) for side in SIDES}
    for cell in chosen:
        progress(f"{cell.group} {cell.name}")
        yield judge(cell, fixtures, entries, subject.name, timeout_s)
