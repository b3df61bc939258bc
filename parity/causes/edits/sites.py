"""Which nodes are edited together: one line of the caller's code may have become many nodes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from parity.causes.programs.program import Program, Ref

SIZED = {
    "reshape",
    "broadcast",
    "iota",
    "fill",
    "pad",
}  # their numbers are sizes, which differ where the line is the same
ALONE = 4  # groups up to this size are also tried node by node


def _key(value: object) -> Hashable:
    if isinstance(value, Ref):
        return "ref"
    if isinstance(value, (tuple, list)):
        return tuple(_key(part) for part in value)
    return value if isinstance(value, (int, float, str)) else type(value).__name__


def groups(program: Program, indices: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """Nodes that came from one place and do the same: all together, then those of one rank, then, if few, one by one."""
    indices = list(indices)
    seen: set[tuple[int, ...]] = set()
    together: dict[int, int] = {}  # node → how many came from its place
    for level in range(3):
        found: dict[Hashable, list[int]] = {}
        for index in indices:
            found.setdefault(_kind(program, index, level), []).append(index)
        for members in found.values():
            for index in members:
                together.setdefault(index, len(members))
            if tuple(members) not in seen and (level < 2 or together[members[0]] <= ALONE):
                seen.add(tuple(members))
                yield tuple(members)


def _kind(program: Program, index: int, level: int) -> Hashable:
    node = program.nodes[index]
    if level == 2 or node.op == "input" or not node.place:
        return index
    args = len(node.args) if node.op in SIZED else _key(node.args)
    return (node.op, node.place, args, len(node.shape) if level else 0)


def title(program: Program, members: tuple[int, ...]) -> str:
    node = program.nodes[members[0]]
    words = f"input {node.place}" if node.op == "input" else str(node)
    return f"{words} ({len(members)} places)" if len(members) > 1 else words
