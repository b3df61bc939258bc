"""Which of two states is used: the one that came in, or the one that goes out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from parity.causes.context import Context
from parity.causes.hypothesis import Hypothesis
from parity.programs.program import Edit, Node, Program, Ref


def states(context: Context) -> Iterator[Hypothesis]:
    """The updated state in place of the old one where it is used, and the other way round."""
    program = context.program
    pairs = _pairs(program)
    by_name = [tree for tree in pairs if " as " not in tree]
    for size in (1, 2, 3):
        for chosen in itertools.combinations(by_name if size == 3 else pairs, size):
            for is_late in (True, False):
                nodes: dict[int, Node] = {}
                for tree in chosen:
                    for old, new in pairs[tree]:
                        own = set(program.above(new, 40)) | {new}
                        source, target = (old, new) if is_late else (new, old)
                        for user in program.users[source]:
                            if not (is_late and user in own):
                                nodes[user] = exchanged(nodes.get(user, program.nodes[user]), source, target)
                if nodes:
                    which = (
                        "the updated values in place of the given ones"
                        if is_late
                        else "the given values in place of the updated ones"
                    )
                    yield Hypothesis(
                        "update order",
                        f"{' and '.join(chosen)}: {which} where they are used",
                        Edit(nodes),
                        8 + size / 10,
                    )


def _pairs(program: Program) -> dict[str, list[tuple[int, int]]]:
    """State → (old, new) for each of its leaves: an input, and the output leaf of its name or else of its shape."""
    pairs: dict[str, list[tuple[int, int]]] = {}
    for name, old in program.inputs.items():
        fitting = [
            leaf
            for leaf, new in program.outputs.items()
            if program.nodes[new].shape == program.nodes[old].shape and name in program.sources[new] and new != old
        ]
        named = [leaf for leaf in fitting if leaf.split("/")[-1] == name.split("/")[-1] and name.split("/")[0] in leaf]
        for leaf in named or fitting:
            key = name.split("/")[0] if named else f"{name} as {leaf}"
            pairs.setdefault(key, []).append((old, program.outputs[leaf]))
    named_first = sorted(pairs.items(), key=lambda item: " as " in item[0])
    return dict(named_first[:10])


def exchanged(node: Node, old: int, new: int) -> Node:
    """The node, reading `new` where it read `old`."""

    def swap(arg: Any) -> Any:
        if isinstance(arg, Ref):
            return Ref(new) if arg.index == old else arg
        if isinstance(arg, (list, tuple)):
            return type(arg)(swap(part) for part in arg)
        return arg

    return replace(node, args=tuple(swap(arg) for arg in node.args))
