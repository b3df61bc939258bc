"""The order of things: which of two states is used, which part is which gate, what comes before what."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from parity.causes.candidate import Candidate
from parity.causes.context import CARRIERS, Context
from parity.causes.edits.sites import groups, title
from parity.causes.programs.program import Edit, Node, Program, Ref

_MOVED = {"mul", "div", "add", "sub"}


def states(context: Context) -> Iterator[Candidate]:
    """The updated state in place of the old one where it is used, and the other way round."""
    program = context.program
    pairs: dict[tuple[tuple[int, ...], str], list[tuple[int, int]]] = {}
    outputs = set(program.outputs.values())
    for name, old in program.inputs.items():
        for new in program.live:
            node = program.nodes[new]
            if (
                node.shape == program.nodes[old].shape
                and name in program.sources[new]
                and node.op in ("add", "sub", "mul", "where", "div", "max")
            ):
                pairs.setdefault((program.nodes[old].shape, node.place), []).append((old, new))
    for old, new in [pair for found in pairs.values() for pair in found]:
        yield from _redirected(program, old, new, new in outputs)
    for found in pairs.values():
        for offset in {new - min(n for o, n in found if o == old) for old, new in found}:
            yield from _all_redirected(program, found, offset)
    yield from _whole_trees(program, pairs)


def _redirected(program: Program, old: int, new: int, is_state: bool) -> Iterator[Candidate]:
    own = set(program.above(new, 30)) | {new}
    rank = 8.0 if is_state else 20.0
    later = [u for u in program.users[old] if u not in own]
    for users in {tuple(later), *((u,) for u in later)} - {()}:
        edit = Edit({u: _exchanged(program.nodes[u], old, new) for u in users})
        yield Candidate(
            "update order",
            f"{program.nodes[users[0]]} takes {program.nodes[new]} in place of the input {program.nodes[old].place}",
            edit,
            rank,
        )
    users = tuple(program.users[new])
    for chosen in {users, *((u,) for u in users)} - {()}:
        edit = Edit({u: _exchanged(program.nodes[u], new, old) for u in chosen})
        yield Candidate(
            "update order",
            f"{program.nodes[chosen[0]]} takes the input {program.nodes[old].place} in place of {program.nodes[new]}",
            edit,
            rank,
        )


def _all_redirected(program: Program, found: list[tuple[int, int]], _offset: int) -> Iterator[Candidate]:
    yield from ()


def _whole_trees(program: Program, pairs: dict[Any, list[tuple[int, int]]]) -> Iterator[Candidate]:
    """The same for all leaves of a tree at once: `m/w` and `m/b` are exchanged together."""
    by_tree: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for (_, place), found in pairs.items():
        for old, new in found:
            tree = program.nodes[old].place.split("/")[0]
            by_tree.setdefault((tree, f"{place} {program.nodes[new].op}"), []).append((old, new))
    for (tree, place), found in by_tree.items():
        if len(found) < 2:
            continue
        for forward in (True, False):
            nodes: dict[int, Node] = {}
            for old, new in found:
                own = set(program.above(new, 30)) | {new}
                source, target = (old, new) if forward else (new, old)
                for user in program.users[source]:
                    if not forward or user not in own:
                        nodes[user] = _exchanged(nodes.get(user, program.nodes[user]), source, target)
            if nodes:
                words = (
                    f"{tree} as updated at {place} in place of the input"
                    if forward
                    else f"the input {tree} in place of the update at {place}"
                )
                yield Candidate("update order", words, Edit(nodes), 8.5)


def _exchanged(node: Node, old: int, new: int) -> Node:
    def swap(arg: Any) -> Any:
        if isinstance(arg, Ref):
            return Ref(new) if arg.index == old else arg
        if isinstance(arg, (list, tuple)):
            return type(arg)(swap(part) for part in arg)
        return arg

    return replace(node, args=tuple(swap(arg) for arg in node.args))


def gates(context: Context) -> Iterator[Candidate]:
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
            yield Candidate(
                "gate order", f"parts of {program.nodes[sets[0][0]]} taken in the order {order}", Edit(nodes), 5
            )
    inputs = [(name, i) for name, i in program.inputs.items() if program.nodes[i].is_floating]
    for (first, i), (second, j) in itertools.combinations(inputs, 2):
        if program.nodes[i].shape == program.nodes[j].shape and program.nodes[i].shape:
            users = {*program.users[i], *program.users[j]}
            edit = Edit({u: _exchanged(_exchanged(_exchanged(program.nodes[u], i, -1), j, i), -1, j) for u in users})
            yield Candidate("gate order", f"inputs {first} and {second} exchanged", edit, 16)


def complements(context: Context) -> Iterator[Candidate]:
    """1 - x in place of x, which exchanges the weights of a moving average."""
    program = context.program
    for members in groups(program, program.live):
        node = program.nodes[members[0]]
        if node.is_floating and node.op not in CARRIERS and node.op != "input" and node.shape:
            edit = Edit(after={i: lambda x, _get: 1 - x for i in members})
            yield Candidate("momentum convention", f"1 less {title(program, members)}", edit, 9)


def averages(context: Context) -> Iterator[Candidate]:
    """Every a exchanged with 1 - a, in one line or everywhere."""
    program = context.program
    places: dict[tuple[float, str], dict[int, Node]] = {}
    for index in program.live:
        node = program.nodes[index]
        for position, value in enumerate(node.args):
            if node.op in ("mul", "div") and isinstance(value, float) and 0 < value < 1:
                for place in (node.place, ""):
                    key = (round(min(value, 1 - value), 9), place)
                    places.setdefault(key, {})[index] = node.with_arg(position, 1 - value)
    for (value, place), nodes in places.items():
        words = f"{value:.6g} and {1 - value:.6g} exchanged{f' at {place}' if place else ''}"
        yield Candidate("momentum convention", words, Edit(nodes), 6)


def moves(context: Context) -> Iterator[Candidate]:
    """An operation with a second operand taken from its place and applied to another value nearby."""
    program = context.program
    for members in groups(program, program.live):
        index = members[0]
        node = program.nodes[index]
        if node.op not in _MOVED or len(node.args) != 2 or not node.is_floating:
            continue
        for position, arg in enumerate(node.args):
            if not isinstance(arg, Ref) or (node.op in ("div", "sub") and position == 1):
                continue
            near = [*program.above(index, 4), *_below(program, index, 3)]
            for target in near:
                other = program.nodes[target]
                if other.is_floating and target != arg.index and other.op not in ("broadcast", "convert"):
                    yield _moved(program, members, position, target)


def _below(program: Program, index: int, depth: int) -> list[int]:
    found, layer = [], [index]
    for _ in range(depth):
        layer = [u for n in layer for u in program.users[n]]
        found += layer
    return list(dict.fromkeys(found))


def _moved(program: Program, members: tuple[int, ...], position: int, target: int) -> Candidate:
    after: dict[int, Any] = {}
    for index in members:
        node = program.nodes[index]
        kept, other, compute = node.args[position], node.args[1 - position], node.compute
        assert isinstance(kept, Ref)
        assert compute is not None
        after[index] = lambda _x, get, k=kept.index: get(k)

        def applied(x: Any, get: Any, other: Any = other, compute: Any = compute) -> Any:
            value = get(other.index) if isinstance(other, Ref) else other
            return compute(x, value) if position == 0 else compute(value, x)

        after[target + index - members[0]] = applied
    words = f"{title(program, members)} applied to {program.nodes[target]} instead"
    return Candidate("update order", words, Edit(after=after), 17)
