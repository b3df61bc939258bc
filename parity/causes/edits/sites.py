"""Which nodes are edited together: one line of the caller's code may have become many nodes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from parity.programs.program import Node, Program, Ref

SIZED = {
    "reshape",
    "broadcast",
    "iota",
    "fill",
    "pad",
}  # their numbers are sizes, which differ where the line is the same
ALONE = 4  # groups up to this size are also tried node by node
_ONE = 3  # likeness: same line and operation, same kinds of operands, same rank, the node itself


def groups(program: Program, indices: Iterable[int] | None = None) -> Iterator[tuple[tuple[int, ...], Node]]:
    """Nodes that came from one place and do the same: all together, then parts that are more alike, then one by one.

    Args:
        indices: the nodes that are grouped; by default all that an output depends on.

    Yields:
        the numbers of the nodes, and the first of them.
    """
    indices = list(program.live if indices is None else indices)
    seen: set[tuple[int, ...]] = set()
    together: dict[int, int] = {}  # node → how many came from its place
    for likeness in range(_ONE + 1):
        alike: dict[Hashable, list[int]] = {}
        for index in indices:
            alike.setdefault(_kind(program, index, likeness), []).append(index)
        for members in map(tuple, alike.values()):
            for index in members:
                together.setdefault(index, len(members))
            if members not in seen and (likeness < _ONE or together[members[0]] <= ALONE):
                seen.add(members)
                yield members, program.nodes[members[0]]


def _kind(program: Program, index: int, likeness: int) -> Hashable:
    node = program.nodes[index]
    if likeness == _ONE or node.op == "input" or not node.place:
        return index
    args = len(node.args) if node.op in SIZED else _key(node.args)
    operands = tuple(program.nodes[i].op for i in node.operands) if likeness else ()
    return (node.op, node.place, args, operands, len(node.shape) if likeness > 1 else 0)


def _key(value: object) -> Hashable:
    if isinstance(value, Ref):
        return "ref"
    if isinstance(value, (tuple, list)):
        return tuple(_key(part) for part in value)
    return value if isinstance(value, (int, float, str)) else type(value).__name__


def title(program: Program, members: tuple[int, ...]) -> str:
    """The nodes as people read them: operation, line of the caller's code, how many."""
    node = program.nodes[members[0]]
    name = f"input {node.place}" if node.op == "input" else str(node)
    return f"{name} ({len(members)} places)" if len(members) > 1 else name
