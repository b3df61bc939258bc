"""A program: nodes in order, each an operation on earlier nodes and literals; and edits of it, which change no node in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Ref:
    """The value of the node with this number."""

    index: int


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes:
        op: a name of `operations.TABLE`, `input`, or the framework's own name.
        compute: takes `args` with every `Ref` replaced by its value.
        args: `Ref`, literals, and lists of them.
        place: `file.py:12` in the caller's code, empty if unknown.
        shape: of the value; () for what is no tensor.
        dtype: of the value, such as `float64`; empty for what is no tensor.
    """

    op: str
    compute: Callable[..., Any] | None
    args: tuple[Any, ...] = ()
    place: str = ""
    shape: tuple[int, ...] = ()
    dtype: str = ""

    @cached_property
    def operands(self) -> tuple[int, ...]:
        return tuple(references(self.args))

    @property
    def is_floating(self) -> bool:
        return "float" in self.dtype

    def with_args(self, *args: Any) -> Node:
        return replace(self, args=args)

    def with_arg(self, position: int, value: Any) -> Node:
        return replace(self, args=(*self.args[:position], value, *self.args[position + 1 :]))

    def __str__(self) -> str:
        return f"{self.op} at {self.place}" if self.place else self.op


def references(args: Any) -> list[int]:
    if isinstance(args, Ref):
        return [args.index]
    if isinstance(args, (tuple, list)):
        return [index for arg in args for index in references(arg)]
    return []


# Takes the value of a node, and a function that gives the value of any other node.
Change = Callable[[Any, Callable[[int], Any]], Any]


def applied(function: Callable[..., Any], *args: Any) -> Change:
    """`function` applied to the value, with `args` behind it."""
    return lambda value, _get: function(value, *args)


@dataclass(frozen=True)
class Edit:
    """New definitions for some nodes, and functions applied to the values of some nodes; `outputs` redirects leaves."""

    nodes: Mapping[int, Node] = field(default_factory=dict)
    after: Mapping[int, Change] = field(default_factory=dict)
    outputs: Mapping[str, int] = field(default_factory=dict)

    @property
    def touched(self) -> set[int]:
        return {*self.nodes, *self.after}


@dataclass
class Program:
    """One side. `inputs` and `outputs` map leaf names to node numbers; `rules` are the places of custom derivatives."""

    side: str
    nodes: list[Node]
    inputs: dict[str, int]
    outputs: dict[str, int]
    rules: tuple[str, ...] = ()

    @cached_property
    def users(self) -> list[list[int]]:
        users: list[list[int]] = [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes):
            for operand in dict.fromkeys(node.operands):
                users[operand].append(index)
        return users

    @cached_property
    def live(self) -> list[int]:
        """Numbers of the nodes that an output depends on."""
        seen = set(self.outputs.values())
        for index in range(len(self.nodes) - 1, -1, -1):
            if index in seen:
                seen.update(self.nodes[index].operands)
        return sorted(seen)

    @cached_property
    def sources(self) -> list[frozenset[str]]:
        """For each node, the names of the inputs that it depends on."""
        names = {index: name for name, index in self.inputs.items()}
        found: list[frozenset[str]] = []
        for index, node in enumerate(self.nodes):
            own = {names[index]} if index in names else set()
            found.append(frozenset(own.union(*(found[i] for i in node.operands))))
        return found

    def below(self, start: set[int]) -> set[int]:
        """`start` and all nodes that depend on it."""
        found = set(start)
        stack = list(start)
        while stack:
            for user in self.users[stack.pop()]:
                if user not in found:
                    found.add(user)
                    stack.append(user)
        return found

    def above(self, index: int, limit: int) -> dict[int, int]:
        """The ancestors of a node up to `limit` steps away: number → steps."""
        distance, layer = {index: 0}, [index]
        for step in range(1, limit + 1):
            layer = [i for i in dict.fromkeys(o for n in layer for o in self.nodes[n].operands) if i not in distance]
            distance.update(dict.fromkeys(layer, step))
        del distance[index]
        return distance
