"""Steps and tables of lower precision in a float64 program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from parity.causes.candidate import Candidate
from parity.causes.context import Context
from parity.causes.programs.program import Edit, Node

LOW = {"float32", "bfloat16", "float16"}


def lifted(context: Context) -> Iterator[Candidate]:
    """The program with every lower precision raised to float64, all at once."""
    program = context.program
    low = [index for index in program.live if program.nodes[index].dtype in LOW]
    if not low:
        return
    nodes = {
        index: _wide(program.nodes[index])
        for index in program.live
        if program.nodes[index].dtype in LOW or _has_low(program.nodes[index].args)
    }
    floating = {name for name, i in program.inputs.items() if program.nodes[i].is_floating}
    table = not any(program.sources[index] & floating for index in low)
    first = program.nodes[low[0]]
    dtype = min((program.nodes[i].dtype for i in low), key=lambda d: ("float32" == d, d))
    words = f"{dtype} in the float64 run of the {program.side} side, first {first}, {len(low)} operations, raised to float64"
    yield Candidate("low-precision table" if table else "low-precision step", words, Edit(nodes), 1)


def _has_low(args: Any) -> bool:
    if isinstance(args, (tuple, list)):
        return any(_has_low(arg) for arg in args)
    return isinstance(args, torch.dtype) and str(args).removeprefix("torch.") in LOW


def _wide(node: Node) -> Node:
    def widen(arg: Any) -> Any:
        if isinstance(arg, (tuple, list)):
            return type(arg)(widen(part) for part in arg)
        if isinstance(arg, torch.dtype) and str(arg).removeprefix("torch.") in LOW:
            return torch.float64
        if isinstance(arg, torch.Tensor) and str(arg.dtype).removeprefix("torch.") in LOW:
            return arg.double()
        return arg

    return replace(node, args=widen(node.args))
