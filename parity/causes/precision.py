"""Steps and tables of lower precision in a float64 program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import torch

from parity.causes.context import Context
from parity.causes.hypothesis import Hypothesis
from parity.programs.program import Edit, Node, Program

LOW = {"float32", "bfloat16", "float16", "complex64"}


def has_low(program: Program) -> bool:
    """Some step has a lower precision than float64."""
    return any(program.nodes[index].dtype in LOW for index in program.live)


def lifted(context: Context, others: Iterable[float] = ()) -> Iterator[Hypothesis]:
    """The program with every lower precision raised to float64, all at once."""
    program = context.program
    low = [index for index in program.live if program.nodes[index].dtype in LOW]
    if not low:
        return
    nodes = {
        index: _wide(program.nodes[index], tuple(others))
        for index in program.live
        if program.nodes[index].dtype in LOW or _has_low(program.nodes[index].args)
    }
    floating = {name for name, i in program.inputs.items() if program.nodes[i].is_floating}
    # Angles are made once and used often: a table, even where its positions are an input.
    arrays = [i for i in low if program.nodes[i].shape]
    made_once = bool(arrays) and not any(program.sources[i] & floating for i in low)
    table = made_once or any(program.nodes[i].op in ("sin", "cos") for i in low)
    first = program.nodes[low[0]]
    dtype = min((program.nodes[i].dtype for i in low), key=lambda d: (d == "float32", d))
    change = f"{dtype} in the float64 run of the {program.side} side, first {first}, {len(low)} operations, raised to float64"
    yield Hypothesis("low-precision table" if table else "low-precision step", change, Edit(nodes), 1)


def raised(program: Program) -> Program:
    """The program of the lifted function: every step in float64."""
    nodes = [
        replace(_wide(node, ()), dtype=_wide_name(node.dtype)) if node.dtype in LOW or _has_low(node.args) else node
        for node in program.nodes
    ]
    return replace(program, nodes=nodes)


def _wide_name(dtype: str) -> str:
    return ("complex128" if dtype == "complex64" else "float64") if dtype in LOW else dtype


def _has_low(args: Any) -> bool:
    if isinstance(args, (tuple, list)):
        return any(_has_low(arg) for arg in args)
    return isinstance(args, torch.dtype) and str(args).removeprefix("torch.") in LOW


def _wide(node: Node, others: tuple[float, ...]) -> Node:
    def widen(arg: Any) -> Any:
        if isinstance(arg, (tuple, list)):
            return type(arg)(widen(part) for part in arg)
        if isinstance(arg, torch.dtype) and str(arg).removeprefix("torch.") in LOW:
            return torch.complex128 if arg.is_complex else torch.float64
        if isinstance(arg, torch.Tensor) and str(arg.dtype).removeprefix("torch.") in LOW:
            return _unrounded(arg, others)
        return arg

    return replace(node, args=widen(node.args))


def _unrounded(value: torch.Tensor, others: tuple[float, ...]) -> torch.Tensor:
    """A number of the other side that rounds to this one, if there is one: 10000 for the 9984 of bfloat16."""
    if value.is_complex():
        return value.to(torch.complex128)
    if value.ndim == 0:
        for other in others:
            for number in (other, -other):
                if torch.equal(torch.tensor(number, dtype=torch.float64).to(value.dtype), value):
                    return torch.tensor(number, dtype=torch.float64)
        for digits in range(1, 7):
            short = float(f"{value.item():.{digits}g}")
            if torch.equal(torch.tensor(short, dtype=torch.float64).to(value.dtype), value):
                return torch.tensor(short, dtype=torch.float64)
    return value.double()
