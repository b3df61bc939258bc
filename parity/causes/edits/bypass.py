"""One operation, or a stretch of them, left out; and one exchanged for another of its kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from parity.causes.context import CARRIERS, Context
from parity.causes.edits.sites import groups, title
from parity.causes.hypothesis import Hypothesis
from parity.causes.naming import TINY, literal_cause
from parity.data.leaf import Kind, LeafName
from parity.programs.operations import TABLE
from parity.programs.program import Edit, Node, Ref

_REACH = 14


def bypasses(context: Context) -> Iterator[Hypothesis]:
    """Each node replaced by one of its operands."""
    program = context.program
    for members, node in groups(program):
        if node.op in CARRIERS or (not node.shape and not node.operands):
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
            yield Hypothesis(name, f"without {title(program, members)}", Edit(nodes), rank)
            if node.op == "sub" and position == 1:
                edit = Edit({i: replace(program.nodes[i], compute=lambda x, y: -y) for i in members})
                yield Hypothesis("missing term", f"{title(program, members)} without its first operand", edit, rank)


def _copy(node: Node, source: int) -> Node:
    return Node("reshape", TABLE["reshape"], (Ref(source), node.shape), node.place, node.shape, node.dtype)


def _name(context: Context, index: int, kept: int) -> tuple[str, float]:
    node = context.program.nodes[index]
    dropped = next((arg for k, arg in enumerate(node.args) if k != kept), None)
    if node.op in ("add", "sub") and isinstance(dropped, Ref):
        if context.is_bias(dropped.index):
            return "missing bias", 4
        if not node.shape and context.is_sum(index):
            return "reduction axis", 20  # a norm of one leaf against a norm of all
        return _decay(context, index, dropped.index) or ("missing term", 25)
    if node.op in ("add", "sub") and dropped in (1, -1) and context.is_whole(node.operands[0]):
        return "shifted index", 12
    if (
        node.op in ("add", "max")
        and isinstance(dropped, (int, float))
        and abs(dropped) <= TINY
        and context.into_root(index)
    ):
        return "eps value", 7
    if node.op in ("max", "min", "clamp"):
        return "clamp bound", 14
    if node.op in ("div", "mul") and isinstance(dropped, (int, float)):
        name, _, rank = literal_cause(context, index, 1 - kept, float(dropped), 1.0)
        return name, rank + 2
    if (
        node.op == "div"
        and isinstance(dropped, Ref)
        and not context.program.sources[dropped.index]
        and context.is_sum(node.operands[0])
    ):
        return "mean against sum", 10
    if node.op == "flip":
        return "reversed index", 10
    if node.op == "neg":
        return "sign", 10
    return "missing term", 26


def _decay(context: Context, index: int, dropped: int) -> tuple[str, float] | None:
    """A small multiple of a state that is added: to itself, or to something else."""
    node = context.program.nodes[dropped]
    factor = next((arg for arg in node.args if isinstance(arg, float)), None)
    source = context.origin(next((arg for arg in node.args if isinstance(arg, Ref)), None))
    if node.op != "mul" or factor is None or abs(factor) > 0.2 or source is None:
        return None
    leaf = next((leaf for leaf, i in context.program.outputs.items() if context.program.nodes[i] is source), "")
    state = context.is_state(context.program.inputs[source.place]) if source.op == "input" else LeafName(leaf).path
    if not state:
        return None
    own = [leaf for leaf, i in context.program.outputs.items() if i in context.program.below({index})]
    return ("weight decay value", 13) if own == [LeafName.of(Kind.OUTPUT, state)] else ("coupled weight decay", 13)


def shortcuts(context: Context) -> Iterator[Hypothesis]:
    """A node replaced by an earlier one of the same shape: everything between them left out."""
    program = context.program
    for members, node in groups(program):
        if not node.is_floating or node.op in CARRIERS or not node.shape:
            continue
        for source, steps in program.above(members[0], _REACH).items():
            other = program.nodes[source]
            if (
                steps < 2
                or other.shape != node.shape
                or other.dtype != node.dtype
                or other.op in CARRIERS - {"reshape"}
            ):
                continue
            pairs = {i: source + i - members[0] for i in members}
            if any(not 0 <= s < i or program.nodes[s].op != other.op for i, s in pairs.items()):
                continue
            change = f"{title(program, (source,))} in place of {title(program, members)}"
            yield Hypothesis(
                "missing term", change, Edit({i: _copy(program.nodes[i], s) for i, s in pairs.items()}), 30 + steps / 10
            )


def leaves_unchanged(context: Context) -> Iterator[Hypothesis]:
    """An output leaf that is an input as it came."""
    program = context.program
    for leaf, index in program.outputs.items():
        for name, source in program.inputs.items():
            if (
                program.nodes[source].shape == program.nodes[index].shape
                and source != index
                and name in program.sources[index]
            ):
                yield Hypothesis(
                    "missing term", f"{leaf} is the input {name} unchanged", Edit(outputs={leaf: source}), 12
                )
