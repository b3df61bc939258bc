"""A gate after a matrix product against a gate before it: the reset gate of the two kinds of GRU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from parity.causes.context import Context
from parity.causes.hypothesis import Hypothesis
from parity.programs.interpreter import fill
from parity.programs.program import Edit, Program

_REACH = 5


def gates(context: Context) -> Iterator[Hypothesis]:
    """A product with a gate moved in front of the matrix product that it scales."""
    program = context.program
    for index in program.live:
        node = program.nodes[index]
        if node.op != "mul" or len(node.operands) != 2:
            continue
        for gate, scaled in (node.operands, node.operands[::-1]):
            for dot in (scaled, *program.above(scaled, _REACH)):
                if program.nodes[dot].op != "dot":
                    continue
                for position in (0, 1):
                    state = program.nodes[dot].operands[position]
                    if program.nodes[state].shape == program.nodes[gate].shape:
                        change = f"reset gate first: {program.nodes[dot]} of its operand times {program.nodes[gate]}, not {node}"
                        edit = Edit(after={index: _gated(program, scaled, dot, position, gate)})
                        yield Hypothesis("update order", change, edit, 3)


def _gated(program: Program, scaled: int, dot: int, position: int, gate: int) -> Callable[..., Any]:
    between = {i for i in (scaled, *program.above(scaled, _REACH)) if i >= dot} & program.below({dot})

    def change(_value: Any, get: Callable[[int], Any]) -> Any:
        def again(index: int) -> Any:
            if index not in between:
                return get(index)
            node = program.nodes[index]
            assert node.compute is not None
            args = list(fill(node.args, again if index != dot else get))
            if index == dot:
                args[position] = args[position] * get(gate)
            return node.compute(*args)

        return again(scaled)

    return change
