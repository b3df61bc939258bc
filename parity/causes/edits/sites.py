"""Which nodes are edited together: one line of the caller's code may have become many nodes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from parity.causes.programs.program import Program, Ref

ALONE = 4  # groups up to this size are also tried node by node


def _key(value: object) -> Hashable:
    if isinstance(value, Ref):
        return "ref"
    if isinstance(value, (tuple, list)):
        return tuple(_key(part) for part in value)
    return value if isinstance(value, (int, float, str)) else type(value).__name__


def groups(program: Program, indices: Iterable[int], by_shape: bool = False) -> Iterator[tuple[int, ...]]:
    """Nodes that came from one place and do the same, together; then, if they are few, one by one."""
    found: dict[Hashable, list[int]] = {}
    for index in indices:
        node = program.nodes[index]
        place: Hashable = node.place if node.op != "input" else index
        key = (node.op, place or index, _key(node.args), node.shape if by_shape else len(node.shape))
        found.setdefault(key, []).append(index)
    for members in found.values():
        yield tuple(members)
    for members in found.values():
        if 1 < len(members) <= ALONE:
            for index in members:
                yield (index,)


def title(program: Program, members: tuple[int, ...]) -> str:
    node = program.nodes[members[0]]
    words = f"input {node.place}" if node.op == "input" else str(node)
    return f"{words} ({len(members)} places)" if len(members) > 1 else words
