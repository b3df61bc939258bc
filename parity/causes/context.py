"""Where a node stands in its program: what its value is made of, and what it is used for."""

from __future__ import annotations

import math
from functools import cached_property

from parity.causes.constants import DECAYS
from parity.programs.operations import REDUCTIONS
from parity.programs.program import Node, Program, Ref

# What hands a value on without changing its numbers.
CARRIERS = {"reshape", "broadcast", "convert", "permute", "detach", "slice", "item"}
COMPARISONS = {"lt", "le", "gt", "ge", "eq", "ne"}


class Context:
    """Questions about the nodes of one program."""

    def __init__(self, program: Program, steps: tuple[int, ...]) -> None:
        self.program = program
        self.steps = steps  # whole-number inputs, and one more and one less

    @cached_property
    def sizes(self) -> set[int]:
        """Lengths of axes, without 1."""
        return {size for node in self.program.nodes for size in node.shape if size > 1}

    @cached_property
    def counts(self) -> set[int]:
        """Numbers of elements that arrays or parts of them have."""
        shapes = {node.shape for node in self.program.nodes if node.shape}
        counts = {math.prod(shape) for shape in shapes} | self.sizes
        for shape in shapes:
            for first in range(len(shape)):
                for last in range(first + 1, len(shape) + 1):
                    counts.add(math.prod(shape[first:last]))
            if len(shape) == 3:
                counts.add(shape[0] * shape[2])
        return counts - {0, 1}

    @cached_property
    def decays(self) -> set[float]:
        """Numbers of the program that may be decay rates, and the usual ones."""
        literals = {value for node in self.program.nodes for value in literals_of(node)}
        return {x for value in literals for x in (abs(value), 1 - abs(value)) if 0.5 < x < 0.99999} | set(DECAYS)

    def users(self, index: int, through: set[str] = CARRIERS, limit: int = 12) -> list[tuple[int, int]]:
        """(user, position) pairs, looked up through operations that hand the value on."""
        pairs: list[tuple[int, int]] = []
        stack, seen = [index], set[int]()
        while stack and len(seen) < limit:
            current = stack.pop()
            seen.add(current)
            for user in self.program.users[current]:
                node = self.program.nodes[user]
                if node.op in through and user not in seen:
                    stack.append(user)
                for position, arg in enumerate(node.args):
                    if isinstance(arg, Ref) and arg.index == current:
                        pairs.append((user, position))
        return pairs

    def into_root(self, index: int, depth: int = 4) -> str:
        """The root, logarithm or division by it that the value goes into, as text; empty if there is none near."""
        layer = [index]
        for _ in range(depth):
            following = []
            for current in layer:
                for user, position in self.users(current):
                    node = self.program.nodes[user]
                    if node.op in ("sqrt", "log") or (node.op == "div" and position == 1):
                        return str(node)
                    if node.op in ("add", "max", "mul", "clamp") or (node.op == "div" and position == 0):
                        following.append(user)
            layer = following
        return ""

    def origin(self, value: object) -> Node | None:
        """The node whose numbers a value hands on."""
        while isinstance(value, Ref):
            node = self.program.nodes[value.index]
            if node.op not in CARRIERS or node.op == "slice":
                return node
            value = node.args[0]
        return None

    def input_of(self, index: int) -> str:
        """The input leaf of which the node is a (scaled) copy; empty if it is none."""
        node: Node | None = self.program.nodes[index]
        for _ in range(4):
            if node is None:
                return ""
            if node.op == "input":
                return node.place
            if node.op == "mul" and any(not isinstance(arg, Ref) for arg in node.args):
                node = self.origin(next((arg for arg in node.args if isinstance(arg, Ref)), None))
            elif node.op in CARRIERS:
                node = self.origin(node.args[0])
            else:
                return ""
        return ""

    def is_bias(self, index: int) -> bool:
        """A (scaled) copy of an input that is added to something larger."""
        name = self.input_of(index)
        if not name:
            return False
        rank = len(self.program.nodes[self.program.inputs[name]].shape)
        if rank > 1:
            return False
        for user, _ in self.users(index, CARRIERS | {"mul"}):
            node = self.program.nodes[user]
            if node.op in ("add", "sub") and len(node.shape) > rank:
                return True
            if node.op == "add" and rank == 1 and self._is_sum_of_biases(user):
                return True
        return False

    def _is_sum_of_biases(self, index: int) -> bool:
        return all(isinstance(arg, Ref) and self.input_of(arg.index) for arg in self.program.nodes[index].args)

    def is_state(self, index: int) -> str:
        """The input of which the node is a copy, if an output of its name or shape depends on it: what a step updates."""
        name = self.input_of(index)
        shape = self.program.nodes[self.program.inputs[name]].shape if name else ()
        for output in self.program.outputs.values():
            if (
                name
                and name in self.program.sources[output]
                and self.program.nodes[output].shape == shape
                and len(self.program.inputs) > 1
            ):
                return name
        return ""

    def is_mask(self, index: int) -> bool:
        """True and false from an input of truth values, or from comparing positions."""
        above = [self.program.nodes[i] for i in (index, *self.program.above(index, 8))]
        compared = [node for node in above if node.op in COMPARISONS]
        positions = all("int" in self.program.nodes[i].dtype for node in compared for i in node.operands)
        return positions and any(node.op in ("input", "iota", "triangle", "constant") for node in above)

    def feeds_comparison(self, index: int) -> bool:
        """It is compared, moved or scaled at most."""
        return any(
            self.program.nodes[user].op in COMPARISONS
            for user, _ in self.users(index, CARRIERS | {"add", "sub", "mul"})
        )

    def has(self, *ops: str) -> bool:
        """One of these operations is used."""
        return any(self.program.nodes[index].op in ops for index in self.program.live)

    def is_sum(self, index: int) -> bool:
        """A reduction, or a multiple, root or sum of some."""
        node = self.origin(Ref(index))
        if node is None:
            return False
        if node.op in REDUCTIONS or node.op == "window_sum":
            return True
        if node.op == "add" and not node.shape:
            return all(self.is_sum(a.index) if isinstance(a, Ref) else a == 0 for a in node.args)
        return (
            node.op in ("div", "mul", "sqrt", "neg")
            and isinstance(node.args[0], Ref)
            and self.is_sum(node.args[0].index)
        )

    def is_whole(self, index: int) -> bool:
        """A counter, or what is made of one by adding whole numbers."""
        node = self.origin(Ref(index))
        if node is None or node.op == "iota" or "int" in node.dtype:
            return node is not None
        outputs = [self.program.nodes[i].shape for i in self.program.outputs.values()]
        return node.op == "input" and len(node.shape) <= 1 and all(shape == node.shape for shape in outputs)

    def has_literal(self, value: float) -> bool:
        """The number or its negative stands in the program."""
        return any(
            abs(abs(x) - value) < 1e-9 for index in self.program.live for x in literals_of(self.program.nodes[index])
        )

    def reduced(self, index: int, depth: int = 6) -> int:
        """How many elements are summed up in the node, through roots, factors and sums of sums; 0 if none are."""
        node = self.origin(Ref(index))
        if node is None or depth == 0:
            return 0
        if node.op in ("sum", "window_sum") and isinstance(node.args[0], Ref):
            shape = self.program.nodes[node.args[0].index].shape
            inner = self.reduced(node.args[0].index, depth - 1) if node.op == "sum" else 0
            own = math.prod(shape[dim] for dim in node.args[1]) if node.op == "sum" else math.prod(node.args[1])
            return own * (inner or 1)
        if node.op in ("mul", "div", "sqrt", "neg") and isinstance(node.args[0], Ref):
            return self.reduced(node.args[0].index, depth - 1)
        if node.op == "add" and not node.shape:
            return sum(self.reduced(arg.index, depth - 1) for arg in node.args if isinstance(arg, Ref))
        if node.op == "concat":
            return sum(self.reduced(arg.index, depth - 1) for arg in node.args[0] if isinstance(arg, Ref))
        return 0


def literals_of(node: Node) -> list[float]:
    """The numbers among the arguments."""
    return [arg for arg in node.args if isinstance(arg, (int, float)) and not isinstance(arg, bool)]
