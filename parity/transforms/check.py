"""`check_transforms`: runs and judges every cell of the matrix for a pair of functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parity.data.arguments import parse
from parity.errors import InputError
from parity.execution import backends
from parity.execution.limits import check_seconds
from parity.judge.deviations import Deviation
from parity.judge.finding import Verdict
from parity.sides import JAX, SIDES, TORCH
from parity.transforms.catalogue import CELLS, TransformCell, cell_deviations, select
from parity.transforms.fixtures import Fixtures
from parity.transforms.function_pair import FunctionPair
from parity.transforms.judge import judge
from parity.transforms.outcome import CellOutcome, SkippedCell

DEVIATIONS = Path(__file__).with_name("deviations.toml")
TIMEOUT_S = 300.0  # a first torch.compile takes 20 s on a busy machine


@dataclass
class Matrix:
    """The results of the cells so far.

    Attributes:
        outcomes: one for each cell that was judged.
        left_out: one for each that does not apply to its operation, with the reason.
        complete: whether every cell is there.
        seconds: how long all of it took.
    """

    outcomes: list[CellOutcome] = field(default_factory=list)
    left_out: list[SkippedCell] = field(default_factory=list)
    complete: bool = False
    seconds: float = 0.0

    def add(self, result: CellOutcome | SkippedCell) -> None:
        """Appends the result of one more cell."""
        if isinstance(result, CellOutcome):
            self.outcomes.append(result)
        else:
            self.left_out.append(result)

    def sort(self, ops: Sequence[str]) -> None:
        """Sorts by these operations and by the catalogue, then what is not in it: tasks finish in any order."""
        order = {(cell.group, cell.name): number for number, cell in enumerate(CELLS)}

        def position(result: CellOutcome | SkippedCell) -> tuple[int, int, str]:
            number = order.get((result.group, result.cell))
            return (len(ops), 0, result.group) if number is None else (ops.index(result.op), number, result.group)

        self.outcomes.sort(key=position)
        self.left_out.sort(key=position)

    @property
    def verdict(self) -> Verdict:
        """The worst of all; VACUOUS if no cell was judged."""
        return max((o.verdict for o in self.outcomes), key=lambda v: v.severity, default=Verdict.VACUOUS)

    @property
    def passed(self) -> bool:
        """Whether every cell was judged and passes."""
        return self.complete and self.verdict.passes

    @property
    def failures(self) -> list[CellOutcome]:
        """The outcomes that do not pass."""
        return [outcome for outcome in self.outcomes if not outcome.verdict.passes]

    def outcome(self, group: str, cell: str, op: str | None = None) -> CellOutcome:
        """The outcome of this cell, of the first operation for None; KeyError if it was not judged."""
        for outcome in self.outcomes:
            if (outcome.group, outcome.cell) == (group, cell) and op in (None, outcome.op):
                return outcome
        raise KeyError(f"{group} {cell}")

    def __str__(self) -> str:
        lines = [
            f"{self.verdict}: {len(self.outcomes)} cells, {len(self.failures)} failed, {len(self.left_out)} skipped"
        ]
        lines += [f"  {o.op} {o.group} {o.cell}: {o.verdict}: {o.message}" for o in self.failures]
        lines += [f"  {o.op} {o.group} {o.cell}: skipped: {o.reason}" for o in self.left_out]
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
    deviations: Iterable[Deviation] | str | Path = DEVIATIONS,
    unsupported: str | Path | None = None,
    timeout_s: float = TIMEOUT_S,
    progress: Callable[[str], None] = lambda cell: None,
) -> Matrix:
    """Transforms a pair of functions in every way of the catalogue, in float64, and judges each.

    A cell is one comparison across the frameworks and one identity inside each (compiled = eager, vmap = loop, …).

    Args:
        jax_fn, torch_fn, inputs, wrt: as for `parity.check`.
        another: inputs of other shapes, to count compilations; by default, batches of other sizes.
        groups: some of `parity.transforms.catalogue.GROUPS`; all by default.
        name: name of the pair in outcomes and in declared deviations; by default the name of `jax_fn`.
        deviations: accepted differences as for `parity.check`: those with `group` and `cell` apply here. They replace
            `parity/transforms/deviations.toml`, which declares what torch does not support for any function.
        unsupported: an older name of `deviations`.
        timeout_s: time limit in seconds for one cell on one side.
        progress: called with the group and name of each cell before it runs.

    Raises:
        InputError: an argument cannot be used. What the functions do wrong is an outcome, never an exception.
    """
    for argument, function in (("jax_fn", jax_fn), ("torch_fn", torch_fn)):
        if not callable(function):
            raise InputError(f"{argument}: got {type(function).__name__}, expected a function")
    check_seconds("timeout_s", timeout_s)
    functions = (jax_fn, torch_fn)
    arguments, others = parse(inputs, wrt, functions), None if another is None else parse(another, wrt, functions)
    if others is not None and others.names != arguments.names:
        raise InputError(f"another: got {', '.join(others.names)}, expected {', '.join(arguments.names)} as in inputs")
    title = name or getattr(jax_fn, "__name__", type(jax_fn).__name__)
    pair = FunctionPair(title, {JAX: jax_fn, TORCH: torch_fn}, arguments, others)
    matrix = Matrix()
    chosen = select(None if groups is None else tuple(groups), own=False)
    declared = cell_deviations(deviations if unsupported is None else unsupported)
    for result in cells(pair, chosen, declared, timeout_s, progress):
        matrix.add(result)
    matrix.complete = True
    matrix.seconds = sum(outcome.seconds for outcome in matrix.outcomes)
    return matrix


def cells(
    pair: FunctionPair,
    chosen: Sequence[TransformCell],
    deviations: Sequence[Deviation],
    timeout_s: float = TIMEOUT_S,
    progress: Callable[[str], None] = lambda cell: None,
) -> Iterator[CellOutcome | SkippedCell]:
    """Judges one cell after another; `progress` is called before each."""
    for side in SIDES:
        backends.get(side)
    fixtures = {side: Fixtures(pair, side) for side in SIDES}
    for cell in chosen:
        progress(f"{cell.group} {cell.name}")
        yield judge(cell, fixtures, deviations, pair.name, timeout_s)
