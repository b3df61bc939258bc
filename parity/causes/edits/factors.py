"""A factor or an addend where the program has none, and a number in place of a table."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from functools import partial

import torch

from parity.causes.context import Context
from parity.causes.edits.sites import groups, title
from parity.causes.hypothesis import Hypothesis, ScalarEdit
from parity.causes.naming import TINY, factor_cause
from parity.programs.interpreter import Interpreter
from parity.programs.program import Edit, Program

_HANDED_ON = {"broadcast", "reshape", "permute", "convert", "item"}


def factor_edits(context: Context) -> Iterator[ScalarEdit]:
    """A factor on each node."""
    for members, node in groups(context.program):
        if node.dtype in ("float64", "complex128") and node.op not in _HANDED_ON and node.op != "neg":
            yield _factor(context, members)


def _factor(context: Context, members: tuple[int, ...]) -> ScalarEdit:
    make: Callable[[float], Edit] = partial(Edit.mapped, members, operator.mul)

    def describe(new: float) -> Hypothesis:
        name, why, rank = factor_cause(context, members[0], 1.0, new, is_literal=False)
        change = f"{title(context.program, members)} times {new:.6g}{', ' + why if why else ''}"
        return Hypothesis(name, change, make(new), rank + 3)

    guesses = [-1.0, 0.0, 2.0, 0.5]
    if context.is_sum(members[0]):
        guesses += [x for count in sorted(context.counts)[:12] for x in (float(count), 1 / count)]
    return ScalarEdit(make, 1.0, describe, guesses)


def addend_edits(context: Context) -> Iterator[ScalarEdit]:
    """A number added to each node."""
    for members, node in groups(context.program):
        if node.dtype == "float64" and node.op not in _HANDED_ON:
            yield _addend(context, members)


def _addend(context: Context, members: tuple[int, ...]) -> ScalarEdit:
    make: Callable[[float], Edit] = partial(Edit.mapped, members, operator.add)

    def describe(new: float) -> Hypothesis:
        root = context.into_root(members[0])
        name, rank = ("eps value", 9.0) if root and abs(new) <= TINY else ("missing term", 32.0)
        if abs(new) == 1 and context.is_whole(members[0]):
            name, rank = "shifted index", 12.5
        where = f", on the way into {root}" if root else ""
        return Hypothesis(name, f"{title(context.program, members)} plus {new:.6g}{where}", make(new), rank)

    return ScalarEdit(make, 0.0, describe, (1.0, -1.0))


def table_edits(context: Context, interpreter: Interpreter) -> Iterator[ScalarEdit]:
    """One number in place of an array that depends on no input."""
    program = context.program
    for members, node in groups(program):
        if node.dtype == "float64" and node.shape and not program.sources[members[0]]:
            value = interpreter.value(members[0])
            if node.op not in ("fill", "broadcast") and bool(torch.isfinite(value).all()):
                yield _table(program, members, value)


def _table(program: Program, members: tuple[int, ...], value: torch.Tensor) -> ScalarEdit:
    make: Callable[[float], Edit] = partial(Edit.mapped, members, torch.full_like)

    def describe(new: float) -> Hypothesis:
        padded = any(program.nodes[i].op == "pad" for i in program.above(members[0], 6))
        name = "padding side" if padded else "constant factor" if new else "missing term"
        return Hypothesis(name, f"{new:.6g} everywhere in place of {title(program, members)}", make(new), 12)

    return ScalarEdit(make, float(value.mean()), describe, (float(value.max()), float(value.min())), is_neutral=False)
