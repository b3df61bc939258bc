"""One operation, or a stretch of them, left out; and one exchanged for another of its kind."""

from __future__ import annotations

from collections.abc import Iterator

from parity.causes.candidate import Candidate
from parity.causes.context import CARRIERS, Context
from parity.causes.edits.sites import groups, title
from parity.causes.programs.operations import TABLE
from parity.causes.programs.program import Edit, Node, Ref

_REACH = 14


def bypasses(context: Context) -> Iterator[Candidate]:
    """Each node replaced by one of its operands."""
    program = context.program
    for members in groups(program, program.live):
        node = program.nodes[members[0]]
        if node.op in CARRIERS or not node.shape and not node.operands:
            continue
        for position, arg in enumerate(node.args):
            if (
                not isinstance(arg, Ref)
                or program.nodes[arg.index].shape != node.shape
                or program.nodes[arg.index].dtype != node.dtype
            ):
                continue
            nodes = {i: _copy(program.nodes[i], program.nodes[i].args[position].index) for i in members}
            name, rank = _name(context, members[0], position)
            yield Candidate(name, f"without {title(program, members)}", Edit(nodes), rank)


def _copy(node: Node, source: int) -> Node:
    return Node("reshape", TABLE["reshape"], (Ref(source), node.shape), node.place, node.shape, node.dtype)


def _name(context: Context, index: int, kept: int) -> tuple[str, float]:
    node = context.program.nodes[index]
    dropped = next((arg for k, arg in enumerate(node.args) if k != kept), None)
    if node.op in ("add", "sub") and isinstance(dropped, Ref):
        if context.is_bias(dropped.index) or (
            context.input_of(dropped.index)
            and len(context.program.nodes[context.program.inputs[context.input_of(dropped.index)]].shape)
            < len(node.shape)
        ):
            return "missing bias", 4
        return "missing term", 25
    if (
        node.op in ("add", "max")
        and isinstance(dropped, (int, float))
        and abs(dropped) <= 2e-2
        and context.into_root(index)
    ):
        return "eps value", 7
    if node.op in ("max", "min", "clamp"):
        return "clamp bound", 14
    if node.op in ("div", "mul") and isinstance(dropped, float):
        return "constant factor", 22
    if node.op == "flip":
        return "reversed index", 10
    if node.op == "neg":
        return "sign", 10
    return "missing term", 26


def shortcuts(context: Context) -> Iterator[Candidate]:
    """A node replaced by an earlier one of the same shape: everything between them left out."""
    program = context.program
    for members in groups(program, program.live):
        node = program.nodes[members[0]]
        if not node.is_floating or node.op in CARRIERS or not node.shape:
            continue
        for source, steps in program.above(members[0], _REACH).items():
            other = program.nodes[source]
            if (
                steps < 2
                or other.shape != node.shape
                or other.dtype != node.dtype
                or other.op in CARRIERS
                or len(members) > 1
            ):
                continue
            words = f"{title(program, (source,))} in place of {title(program, members)}"
            yield Candidate("missing term", words, Edit({members[0]: _copy(node, source)}), 30 + steps / 10)


def leaves_unchanged(context: Context) -> Iterator[Candidate]:
    """An output leaf that is an input as it came."""
    program = context.program
    for leaf, index in program.outputs.items():
        for name, source in program.inputs.items():
            if (
                program.nodes[source].shape == program.nodes[index].shape
                and source != index
                and name in program.sources[index]
            ):
                yield Candidate(
                    "missing term", f"{leaf} is the input {name} unchanged", Edit(outputs={leaf: source}), 12
                )
