"""A factor or an addend where the program has none, and a number in place of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from parity.causes.hypothesis import Hypothesis, ScalarEdit
from parity.causes.context import COMPARISONS, Context
from parity.causes.edits.sites import groups, title
from parity.causes.naming import TINY, factor_cause
from parity.programs.interpreter import Interpreter
from parity.programs.program import Edit

_OPS = {"add", "sub", "mul", "div", "pow", "max", "min", "clamp", "where", "iota", "fill", "pad", *COMPARISONS}
_EPS = (1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.0)


def factor_edits(context: Context) -> Iterator[ScalarEdit]:
    """A factor on each node."""
    program = context.program
    for members in groups(program, program.live):
        node = program.nodes[members[0]]
        if (
            not node.is_floating
            or node.op in ("broadcast", "reshape", "permute", "convert", "item", "neg")
            or node.dtype != "float64"
        ):
            continue
        make: Callable[[float], Edit] = partial(lambda m, c: _after(m, lambda value: value * c), members)

        def describe(new: float, members: tuple[int, ...] = members, make: Callable[[float], Edit] = make) -> Hypothesis:
            name, why, rank = factor_cause(context, members[0], 1.0, new, is_literal=False)
            return Hypothesis(
                name, f"{title(program, members)} times {new:.6g}{', ' + why if why else ''}", make(new), rank + 3
            )

        guesses = [-1.0, 0.0, 2.0, 0.5]
        if context.is_sum(members[0]):
            guesses += [x for count in sorted(context.counts)[:12] for x in (float(count), 1 / count)]
        yield ScalarEdit(make, 1.0, describe, guesses)


def addend_edits(context: Context) -> Iterator[ScalarEdit]:
    """A number added to each node."""
    program = context.program
    for members in groups(program, program.live):
        node = program.nodes[members[0]]
        if node.dtype != "float64" or node.op in ("broadcast", "reshape", "permute", "convert", "item"):
            continue
        make: Callable[[float], Edit] = partial(lambda m, c: _after(m, lambda value: value + c), members)

        def describe(new: float, members: tuple[int, ...] = members, make: Callable[[float], Edit] = make) -> Hypothesis:
            root = context.into_root(members[0])
            rank = 9.0 if root and abs(new) <= TINY else 32.0
            name = "eps value" if root and abs(new) <= TINY else "missing term"
            if abs(new) == 1 and context.is_whole(members[0]):
                name, rank = "shifted index", 12.5
            where = f", on the way into {root}" if root else ""
            return Hypothesis(name, f"{title(program, members)} plus {new:.6g}{where}", make(new), rank)

        yield ScalarEdit(make, 0.0, describe, (1.0, -1.0))


def table_edits(context: Context, interpreter: Interpreter) -> Iterator[ScalarEdit]:
    """One number in place of an array that depends on no input."""
    program = context.program
    for members in groups(program, program.live):
        node = program.nodes[members[0]]
        if node.dtype != "float64" or not node.shape or program.sources[members[0]] or node.op in ("fill", "broadcast"):
            continue
        make: Callable[[float], Edit] = partial(lambda m, c: _after(m, lambda table: table * 0 + c), members)

        def describe(new: float, members: tuple[int, ...] = members, make: Callable[[float], Edit] = make) -> Hypothesis:
            padded = any(program.nodes[i].op == "pad" for i in program.above(members[0], 6))
            name = "padding side" if padded else "constant factor" if new else "missing term"
            return Hypothesis(name, f"{new:.6g} everywhere in place of {title(program, members)}", make(new), 12)

        value = interpreter.value(members[0])
        if bool(torch.isfinite(value).all()):
            yield ScalarEdit(make, float(value.mean()), describe, (float(value.max()), float(value.min())), is_neutral=False)


def _after(members: tuple[int, ...], function: Callable[[Any], Any]) -> Edit:
    return Edit(after={index: lambda value, _get: function(value) for index in members})
