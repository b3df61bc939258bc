"""Which part is which: parts of one array exchanged, and inputs exchanged."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from parity.causes.context import Context
from parity.causes.edits.states import exchanged
from parity.causes.hypothesis import Hypothesis
from parity.programs.program import Edit, Ref


def gates(context: Context) -> Iterator[Hypothesis]:
    """Parts of one array exchanged, and whole inputs of one shape exchanged."""
    program = context.program
    parts: dict[tuple[int, int, int], list[int]] = {}
    for index in program.live:
        node = program.nodes[index]
        if node.op == "slice" and node.args[4] == 1 and isinstance(node.args[0], Ref):
            parts.setdefault((node.args[0].index, node.args[1], node.args[3] - node.args[2]), []).append(index)
    chunked: dict[Any, list[list[int]]] = {}
    for (_, axis, size), members in parts.items():
        starts = tuple(program.nodes[i].args[2] for i in members)
        if 2 <= len(members) <= 4:
            chunked.setdefault((axis, size, starts), []).append(members)
    for sets in chunked.values():
        for order in itertools.permutations(range(len(sets[0]))):
            if list(order) == sorted(order):
                continue
            nodes = {}
            for members in sets:
                for index, taken in zip(members, order, strict=True):
                    node, other = program.nodes[index], program.nodes[members[taken]]
                    nodes[index] = node.with_args(
                        node.args[0], node.args[1], other.args[2], other.args[3], node.args[4]
                    )
            yield Hypothesis(
                "gate order", f"parts of {program.nodes[sets[0][0]]} taken in the order {order}", Edit(nodes), 5.5
            )
    for index in program.live:
        node = program.nodes[index]
        if (
            node.op == "concat"
            and 2 <= len(node.args[0]) <= 4
            and len({program.nodes[a.index].shape for a in node.args[0]}) == 1
        ):
            for order in itertools.permutations(range(len(node.args[0]))):
                if list(order) != sorted(order):
                    edit = Edit({index: node.with_arg(0, [node.args[0][k] for k in order])})
                    yield Hypothesis("gate order", f"parts of {node} joined in the order {order}", edit, 6)
    inputs = [(name, i) for name, i in program.inputs.items() if program.nodes[i].is_floating]
    for (first, i), (second, j) in itertools.combinations(inputs, 2):
        if program.nodes[i].shape == program.nodes[j].shape and program.nodes[i].shape:
            users = {*program.users[i], *program.users[j]}
            edit = Edit({u: exchanged(exchanged(exchanged(program.nodes[u], i, -1), j, i), -1, j) for u in users})
            yield Hypothesis("gate order", f"inputs {first} and {second} exchanged", edit, 16)
