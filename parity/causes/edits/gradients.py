"""What a gradient flows through: stops taken away, and stops put in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from parity.causes.candidate import Candidate
from parity.causes.context import Context
from parity.causes.edits.sites import groups, title
from parity.causes.programs.operations import TABLE
from parity.causes.programs.program import Edit


def opened(context: Context) -> Iterator[Candidate]:
    """Without a stop that the program has."""
    program = context.program
    for members in groups(program, program.live):
        if program.nodes[members[0]].op == "detach":
            edit = Edit({i: replace(program.nodes[i], op="reshape", compute=lambda x: x) for i in members})
            yield Candidate(
                "stopped gradient", f"without the {title(program, members)} of the {program.side} side", edit, 2
            )


def stopped(context: Context) -> Iterator[Candidate]:
    """With a stop that the program does not have."""
    program = context.program
    for members in groups(program, program.live):
        node = program.nodes[members[0]]
        if node.is_floating and node.op != "detach":
            edit = Edit(after={i: lambda x, _get: TABLE["detach"](x) for i in members})
            yield Candidate("stopped gradient", f"no gradient through {title(program, members)}", edit, 5)


def stopped_edges(context: Context) -> Iterator[Candidate]:
    """With a stop on one operand of one operation."""
    program = context.program
    for index in program.live:
        node = program.nodes[index]
        for position, arg in enumerate(node.args):
            from parity.causes.programs.program import Ref

            if isinstance(arg, Ref) and program.nodes[arg.index].is_floating and len(program.users[arg.index]) > 1:
                compute = node.compute
                assert compute is not None

                def cut(*args: object, p: int = position, f: object = compute) -> object:
                    return f(*(TABLE["detach"](a) if k == p else a for k, a in enumerate(args)))  # type: ignore[operator]

                edit = Edit({index: replace(node, compute=cut)})
                yield Candidate("stopped gradient", f"no gradient from {node} to {program.nodes[arg.index]}", edit, 6)
