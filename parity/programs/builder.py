"""Collects nodes; folds what is a number already, so that `1 - 0.9` and a broadcast of it are literals where they are used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from parity.programs.interpreter import fill
from parity.programs.operations import BINARY, TABLE, count
from parity.programs.program import Node, Program, Ref, references

LOW = (torch.float32, torch.bfloat16, torch.float16)  # a number of lower precision stays a node: it may be the cause
_SPREADING = {*BINARY, "where", "clamp"}


class Builder:
    """Nodes of one side, with their values on the given inputs."""

    def __init__(self, side: str) -> None:
        self.side = side
        self.nodes: list[Node] = []
        self.values: list[Any] = []
        self.inputs: dict[str, int] = {}
        self.place = ""
        self.rules: list[str] = []

    def input(self, name: str, value: Tensor) -> Ref:
        """A node for an input leaf."""
        self.inputs[name] = len(self.nodes)
        return self._append(Node("input", None, (), name), value)

    def constant(self, value: Any) -> Any:
        """A literal for a single number, a node for an array."""
        if isinstance(value, Tensor) and (value.ndim or value.dtype in LOW):
            return self._append(Node("constant", TABLE["constant"], (value,), self.place), value)
        return value.item() if isinstance(value, Tensor) else value

    def add(self, op: str, *args: Any) -> Any:
        """The node `op`, or its value if that is a number that depends on no input."""
        if op == "mul" and type(args[1]) is int and args[1] == 1:  # as torch's decompositions scale
            return args[0]
        return self.call(op, TABLE[op], *args)

    def call(self, op: str, compute: Callable[..., Any], *args: Any) -> Any:
        """The same for an operation that is not in `operations.TABLE`, or is done differently."""
        args = self._spread(args) if op in _SPREADING else args
        value = compute(*fill(args, self.values.__getitem__))
        if (
            not references(args)
            and isinstance(value, Tensor)
            and value.ndim == 0
            and op != "item"
            and value.dtype not in LOW
        ):
            return value.item()
        if op == "where" and isinstance(args[0], bool):
            return args[1] if args[0] else args[2]
        return self._append(Node(op, compute, args, self.place), value)

    def shape(self, value: Any) -> tuple[int, ...]:
        """The shape of a node's value; () for a literal."""
        return tuple(self.values[value.index].shape) if isinstance(value, Ref) else ()

    def value(self, value: Any) -> Any:
        """What a node gives on the given inputs; a literal as it is."""
        return self.values[value.index] if isinstance(value, Ref) else value

    def mean(self, x: Any, dims: Sequence[int]) -> Any:
        """The sum over `dims`, divided by the count."""
        return self.add("div", self.add("sum", x, tuple(dims)), float(count(self.shape(x), dims)))

    def program(self, outputs: dict[str, Any]) -> Program:
        """The finished program; outputs that are literals become nodes."""
        named = {}
        for name, leaf in outputs.items():
            if not isinstance(leaf, Ref):
                value = torch.as_tensor(leaf)
                leaf = self._append(Node("constant", TABLE["constant"], (value,)), value)
            named[name] = leaf.index
        return Program(self.side, self.nodes, self.inputs, named, tuple(dict.fromkeys(self.rules)))

    def _append(self, node: Node, value: Any) -> Ref:
        shape: tuple[int, ...] = ()
        dtype = ""
        if isinstance(value, Tensor):
            shape, dtype = tuple(value.shape), str(value.dtype).removeprefix("torch.")
        self.nodes.append(Node(node.op, node.compute, node.args, node.place, shape, dtype))
        self.values.append(value)
        return Ref(len(self.nodes) - 1)

    def _spread(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Literals in place of arrays that repeat one literal, where another operand has the shape."""
        shapes = [self.shape(arg) for arg in args]
        folded = list(args)
        for position, arg in enumerate(args):
            node = self.nodes[arg.index] if isinstance(arg, Ref) else None
            if node is None or node.op not in ("broadcast", "fill") or isinstance(node.args[0], Ref):
                continue
            others = [s for k, s in enumerate(shapes) if k != position and isinstance(folded[k], Ref)]
            if any(
                len(s) >= len(shapes[position]) and s == torch.broadcast_shapes(s, shapes[position]) for s in others
            ):
                folded[position] = node.args[0]
        return tuple(folded)
