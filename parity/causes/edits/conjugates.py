"""Complex numbers that one side conjugates and the other does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from parity.causes.context import Context
from parity.causes.edits.sites import groups, title
from parity.causes.hypothesis import Hypothesis
from parity.programs.program import Edit, Node, Ref


def conjugates(context: Context) -> Iterator[Hypothesis]:
    """A complex value conjugated, everywhere or on its way into one of the operations that it goes into."""
    program = context.program
    for members, node in groups(program):
        if _is_complex(node):
            edit = Edit.mapped(members, torch.conj_physical)
            what, rank = ("left out", 1.5) if node.op == "conj" else ("conjugated", 2.0)
            yield Hypothesis("conjugate", f"{title(program, members)} {what}", edit, rank)
    for index in program.live:
        node = program.nodes[index]
        for position, arg in enumerate(node.args):
            if not isinstance(arg, Ref) or not _is_complex(program.nodes[arg.index]):
                continue
            if len(program.users[arg.index]) > 1 or node.operands.count(arg.index) > 1:
                edit = Edit({index: _conjugated(node, position)})
                yield Hypothesis("conjugate", f"operand {position} of {title(program, (index,))} conjugated", edit, 2.5)


def _is_complex(node: Node) -> bool:
    return "complex" in node.dtype


def _conjugated(node: Node, position: int) -> Node:
    compute = node.compute
    assert compute is not None

    def call(*args: Any) -> Any:
        return compute(*(torch.conj_physical(arg) if p == position else arg for p, arg in enumerate(args)))

    return replace(node, compute=call)
