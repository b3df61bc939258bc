"""Which nodes are edited together: one line of the caller's code may have become many nodes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from parity.programs.program import Program, Ref

# Their numbers are sizes, which differ where the line is the same.
SIZED = {"reshape", "broadcast", "iota", "fill", "pad"}
ALONE = 4  # groups up to this size are also tried node by node


def _key(value: object) -> Hashable:
    if isinstance(value, Ref):
        return "ref"
    if isinstance(value, (tuple, list)):
        return tuple(_key(part) for part in value)
    return value if isinstance(value, (int, float, str)) else type(value).__name__


def groups(program: Program, indices: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """Nodes that came from one place and do the same: all together, then parts that are more alike, then one by one."""
    indices = list(indices)
    seen: set[tuple[int, ...]] = set()
    together: dict[int, int] = {}  # node → how many came from its place
    for likeness in range(_ONE + 1):
        found: dict[Hashable, list[int]] = {}
        for index in indices:
            found.setdefault(_kind(program, index, likeness), []).append(index)
        for members in found.values():
            for index in members:
                together.setdefault(index, len(members))
            if tuple(members) not in seen and (likeness < _ONE or together[members[0]] <= ALONE):
                seen.add(tuple(members))
                yield tuple(members)


_ONE = 3  # likeness: same line and operation, same kinds of operands, same rank, the node itself


def _kind(program: Program, index: int, likeness: int) -> Hashable:
    node = program.nodes[index]
    if likeness == _ONE or node.op == "input" or not node.place:
        return index
    args = len(node.args) if node.op in SIZED else _key(node.args)
    operands = tuple(program.nodes[i].op for i in node.operands) if likeness else ()
    return (node.op, node.place, args, operands, len(node.shape) if likeness > 1 else 0)


def title(program: Program, members: tuple[int, ...]) -> str:
    node = program.nodes[members[0]]
    words = f"input {node.place}" if node.op == "input" else str(node)
    return f"{words} ({len(members)} places)" if len(members) > 1 else words
