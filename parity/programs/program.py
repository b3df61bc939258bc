"""A program: nodes in order, each an operation on earlier nodes and literals; and edits of it, which change no node in place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
        """Numbers of the nodes that it reads, in order."""
        return tuple(references(self.args))

    @property
    def is_floating(self) -> bool:
        """Its value is a floating tensor."""
        return "float" in self.dtype

    def with_args(self, *args: Any) -> Node:
        """The same operation on other arguments."""
        return replace(self, args=args)

    def with_arg(self, position: int, value: Any) -> Node:
        """The same operation with one argument replaced."""
        return replace(self, args=(*self.args[:position], value, *self.args[position + 1 :]))

    def __str__(self) -> str:
        return f"{self.op} at {self.place}" if self.place else self.op


def references(args: Any) -> list[int]:
    """Numbers of the nodes in `args`, nested ones too."""
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
    """A change of a program.

    Attributes:
        nodes: new definitions.
        after: what is applied to the values of nodes.
        outputs: output leaf → the node that it is taken from instead.
    """

    nodes: Mapping[int, Node] = field(default_factory=dict)
    after: Mapping[int, Change] = field(default_factory=dict)
    outputs: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def mapped(cls, members: Iterable[int], function: Callable[..., Any], *args: Any) -> Edit:
        """`function` applied to the values of some nodes, with `args` behind them."""
        return cls(after=dict.fromkeys(members, applied(function, *args)))

    @property
    def touched(self) -> set[int]:
        """The nodes that are defined anew or changed."""
        return {*self.nodes, *self.after}


@dataclass
class Program:
    """What one side computes.

    Attributes:
        side: `jax` or `torch`.
        nodes: in order: each reads earlier ones alone.
        inputs, outputs: leaf name → number of its node.
        rules: functions with derivatives of their own, and where they are called.
    """

    side: str
    nodes: list[Node]
    inputs: dict[str, int]
    outputs: dict[str, int]
    rules: tuple[str, ...] = ()

    @cached_property
    def users(self) -> list[list[int]]:
        """For each node, the nodes that read it."""
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
        sources: list[frozenset[str]] = []
        for index, node in enumerate(self.nodes):
            own = {names[index]} if index in names else set()
            sources.append(frozenset(own.union(*(sources[i] for i in node.operands))))
        return sources

    def below(self, start: set[int]) -> set[int]:
        """`start` and all nodes that depend on it."""
        reached, stack = set(start), list(start)
        while stack:
            new = set(self.users[stack.pop()]) - reached
            reached |= new
            stack += new
        return reached

    def above(self, index: int, limit: int) -> dict[int, int]:
        """The ancestors of a node up to `limit` steps away: number → steps."""
        distance, layer = {index: 0}, [index]
        for step in range(1, limit + 1):
            layer = [i for i in dict.fromkeys(o for n in layer for o in self.nodes[n].operands) if i not in distance]
            distance.update(dict.fromkeys(layer, step))
        del distance[index]
        return distance
