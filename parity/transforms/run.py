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
from parity.transforms import declared
from parity.transforms.catalogue import CELLS, GROUPS, select
from parity.transforms.check import TIMEOUT_S, Matrix, cells
from parity.transforms.checkpoint.cases import MODELS, POLICIES
from parity.transforms.devices.cases import CELLS as DEVICE_CELLS
from parity.transforms.judge import LeftOut
from parity.transforms.outcome import Outcome
from parity.transforms.subject import Subject

# The cells that have small functions of their own stand in one row of this name.
CONVENTIONS = "conventions"
# What is measured in processes of its own, with operations of its own: a row each.
MEASURED = {"checkpoint": len(MODELS) * len(POLICIES), "devices": len(DEVICE_CELLS)}
# What compiles most comes first, so that no process waits for it at the end.
_LONGEST_FIRST = (*MEASURED, "compositions", "jit", "grad", "vmap")


def selected(names: Sequence[str]) -> tuple[str, ...]:
    """The operations, `conventions`, `checkpoint` and `devices` that are called so; all of them for no name."""
    known = (*ops.names(), CONVENTIONS, *MEASURED)
    for name in names:
        if name not in known:
            raise InputError(f"SELECT: got {name!r}, expected some of {', '.join(known)}")
    return tuple(name for name in known if not names or name in names)


def total(names: Sequence[str]) -> int:
    """How many cells there are for these rows."""
    own = sum(cell.own for cell in CELLS)
    counts = {CONVENTIONS: own, **MEASURED}
    return sum(counts.get(name, len(CELLS) - own) for name in names)


def run(
    matrix: Matrix, names: Sequence[str], progress: Progress, processes: int = 1
) -> Iterator[list[Outcome | LeftOut]]:
    """Works through the rows; what is finished is in `matrix` before it is yielded, so that nothing of it is lost.

    Args:
        names: what `selected` gave.
        progress: called with the name of a row and a group, the cell that begins, and the fraction of the group done.
        processes: how many groups are worked on at a time; each process holds both frameworks.
    """
    start = time.perf_counter()
    chosen = [(name, group) for name in names for group in ((name,) if name in MEASURED else GROUPS)]
    tasks = [(f"{name} {group}", (name, group)) for name, group in chosen if name in MEASURED or _chosen(name, group)]
    tasks.sort(key=lambda task: (_LONGEST_FIRST.index(task[1][1]), -_leaves(task[1][0])))
    for _, found in run_tasks(_work, tasks, processes, progress):
        for one in found:
            matrix.add(one)
        matrix.sort(names)
        matrix.seconds = time.perf_counter() - start
        matrix.complete = len(matrix.outcomes) + len(matrix.left_out) == total(names) > 0
        yield found


def _chosen(name: str, group: str) -> bool:
    return bool(select((group,), own=name == CONVENTIONS))


def _leaves(name: str) -> int:
    """How many inputs a row's function takes: what it costs, roughly. Asked before any framework is imported."""
    if name in (CONVENTIONS, *MEASURED):
        return 0
    op = ops.load(name)
    inputs: Any = seeded_inputs(op, op.sizes[0])
    return len(optree.tree_leaves(inputs))


def _work(_task: str, name: str, group: str, progress: Progress) -> list[Outcome | LeftOut]:
    if name in MEASURED:
        module = importlib.import_module(f"parity.transforms.{name}")
        return list(module.run(lambda words, fraction: progress(name, words, fraction)))
    chosen, done = select((group,), own=name == CONVENTIONS), 0

    def advance(cell: str) -> None:
        nonlocal done
        progress(f"{name} {group}", cell, done / len(chosen))
        done += 1

    found = list(cells(_subject(name), chosen, declared.load(), TIMEOUT_S, advance))
    for side in SIDES:
        importlib.import_module(f"parity.transforms.in_{side}.kit").forget()
    return found


def _subject(name: str) -> Subject:
    if name == CONVENTIONS:
        return Subject(name, {}, parse({}, (), ()))
    op = ops.load(name)
    functions = {side: op.implementation(side) for side in SIDES}
    # Everything floating is differentiated, also where `parity run` does not (a training step holds its own gradient).
    given, another = (parse(seeded_inputs(op, sizes), "all", tuple(functions.values())) for sizes in op.sizes[:2])
    return Subject(name, functions, given, another)
