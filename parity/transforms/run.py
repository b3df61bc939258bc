"""The matrix over the built-in operations, in several processes."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

import optree

from parity import ops
from parity.data.arguments import parse
from parity.data.inputs import seeded_inputs
from parity.errors import InputError
from parity.processes.pool import Progress, run_tasks
from parity.sides import SIDES
from parity.transforms.catalogue import CELLS, GROUPS, cell_deviations, select
from parity.transforms.check import DEVIATIONS, TIMEOUT_S, Matrix, cells
from parity.transforms.checkpoint.cases import MODELS, POLICIES
from parity.transforms.devices.cases import CELLS as DEVICE_CELLS
from parity.transforms.function_pair import FunctionPair
from parity.transforms.outcome import CellOutcome, SkippedCell

# The row of the cells that bring their own small function.
CONVENTIONS = "conventions"
# Rows that run in processes of their own, on operations of their own: number of cells.
MEASURED = {"checkpoint": len(MODELS) * len(POLICIES), "devices": len(DEVICE_CELLS)}
# The groups that compile most come first, so that no process waits for them at the end.
_LONGEST_FIRST = (*MEASURED, "compositions", "jit", "grad", "vmap")


def selected(names: Sequence[str]) -> tuple[str, ...]:
    """The rows with these names: operations, `conventions`, `checkpoint`, `devices`; all of them for no name.

    Raises:
        InputError: an unknown name.
    """
    known = (*ops.names(), CONVENTIONS, *MEASURED)
    for name in names:
        if name not in known:
            raise InputError(f"SELECT: got {name!r}, expected some of {', '.join(known)}")
    return tuple(name for name in known if not names or name in names)


def total(names: Sequence[str]) -> int:
    """How many cells these rows have."""
    own = sum(cell.own for cell in CELLS)
    counts = {CONVENTIONS: own, **MEASURED}
    return sum(counts.get(name, len(CELLS) - own) for name in names)


def run(
    matrix: Matrix, names: Sequence[str], progress: Progress, processes: int = 1
) -> Iterator[list[CellOutcome | SkippedCell]]:
    """Runs the rows; adds results to `matrix` before it yields them, so that an interrupted run keeps them.

    Args:
        names: rows, from `selected`.
        progress: called with the row and group, the cell that begins, and the fraction of the group that is done.
        processes: how many groups run at a time; each process holds both frameworks.
    """
    start = time.perf_counter()
    chosen = [(name, group) for name in names for group in ((name,) if name in MEASURED else GROUPS)]
    tasks = [(f"{name} {group}", (name, group)) for name, group in chosen if name in MEASURED or _chosen(name, group)]
    tasks.sort(key=lambda task: (_LONGEST_FIRST.index(task[1][1]), -_leaves(task[1][0])))
    for _, results in run_tasks(_work, tasks, processes, progress):
        for result in results:
            matrix.add(result)
        matrix.sort(names)
        matrix.seconds = time.perf_counter() - start
        matrix.complete = len(matrix.outcomes) + len(matrix.left_out) == total(names) > 0
        yield results


def _chosen(name: str, group: str) -> bool:
    return bool(select((group,), own=name == CONVENTIONS))


def _leaves(name: str) -> int:
    """Number of inputs of a row's function, a rough measure of its cost that needs no framework."""
    if name in (CONVENTIONS, *MEASURED):
        return 0
    op = ops.load(name)
    inputs: Any = seeded_inputs(op, op.sizes[0])
    return len(optree.tree_leaves(inputs))


def _work(_task: str, name: str, group: str, progress: Progress) -> list[CellOutcome | SkippedCell]:
    if name in MEASURED:
        module = importlib.import_module(f"parity.transforms.{name}")
        return list(module.run(lambda step, fraction: progress(name, step, fraction)))
    chosen, done = select((group,), own=name == CONVENTIONS), 0

    def advance(cell: str) -> None:
        nonlocal done
        progress(f"{name} {group}", cell, done / len(chosen))
        done += 1

    results = list(cells(_pair(name), chosen, cell_deviations(DEVIATIONS), TIMEOUT_S, advance))
    for side in SIDES:
        importlib.import_module(f"parity.transforms.in_{side}.kit").forget()
    return results


def _pair(name: str) -> FunctionPair:
    if name == CONVENTIONS:
        return FunctionPair(name, {}, parse({}, (), ()))
    op = ops.load(name)
    functions = {side: op.implementation(side) for side in SIDES}
    # All floating inputs are differentiated, also where `parity run` does not (a training step computes its own gradient).
    given, another = (parse(seeded_inputs(op, sizes), "all", tuple(functions.values())) for sizes in op.sizes[:2])
    return FunctionPair(name, functions, given, another)
