"""What optimizers do to parameters and moments: weight decay, moving averages, looking ahead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from parity.causes.context import Context
from parity.causes.edits.sites import groups, title
from parity.causes.hypothesis import Hypothesis, ScalarEdit
from parity.data.leaf import Kind, LeafName
from parity.programs.program import Edit, Node, Program, Ref


def decay_edits(context: Context) -> Iterator[ScalarEdit]:
    """Weight decay taken out of the gradient, and taken from the parameter directly instead."""
    program = context.program
    for members, _ in groups(program):
        terms = {index: term for index in members if (term := _decay_term(context, index))}
        if len(terms) < len(members):
            continue
        edits = {
            i: replace(program.nodes[i], compute=lambda x, y, kept=1 - position: (x, y)[kept])
            for i, (position, _) in terms.items()
        }
        sites = [
            (o, source)
            for _, source in terms.values()
            for o in program.outputs.values()
            if program.nodes[o].shape == program.nodes[source].shape and source in program.above(o, 60)
        ]
        leaves = {o: s for o, s in sites if _is_own(program, o, s)}
        below = program.below(set(members))
        if leaves and any(o not in leaves and o in below for o in program.outputs.values()):  # it reaches a moment too
            yield _decay_edit(program, members, edits, leaves)


def _is_own(program: Program, output: int, source: int) -> bool:
    """The output leaf that carries the name of the input; where none does, one that starts from it."""
    name = program.nodes[source].place
    named = [index for leaf, index in program.outputs.items() if leaf == LeafName.of(Kind.OUTPUT, name)]
    return output in named if named else source in program.above(output, 2)


def _decay_term(context: Context, index: int) -> tuple[int, int] | None:
    """Position of a small multiple of a state that is added, and the state's node."""
    program = context.program
    node = program.nodes[index]
    if node.op != "add":
        return None
    for position, arg in enumerate(node.args):
        term = program.nodes[arg.index] if isinstance(arg, Ref) else None
        if term is None or term.op != "mul" or not any(isinstance(a, float) and abs(a) <= 0.5 for a in term.args):
            continue
        source = next((a.index for a in term.args if isinstance(a, Ref)), -1)
        if source >= 0 and program.nodes[source].op == "input" and context.is_state(source):
            return position, source
    return None


def _decay_edit(
    program: Program, members: tuple[int, ...], edits: dict[int, Node], leaves: dict[int, int]
) -> ScalarEdit:
    def make(amount: float) -> Edit:
        after = {o: (lambda x, get, s=s: x - amount * get(s)) for o, s in leaves.items()}
        return Edit(edits, after)

    def describe(amount: float) -> Hypothesis:
        names = ", ".join(program.nodes[s].place for s in leaves.values())
        change = f"{title(program, members)} left out, and {amount:.6g} times {names} subtracted at the end instead"
        return Hypothesis("coupled weight decay", change, make(amount), 3)

    return ScalarEdit(make, 0.0, describe, (), is_neutral=False)


def lookaheads(context: Context) -> Iterator[Hypothesis]:
    """Nesterov: where the new momentum `c m + g` is used, `g + c (c m + g)` instead."""
    program = context.program
    new_momenta = [i for i in program.live if program.nodes[i].op == "add" and _decayed(program, i)]
    for members, _ in groups(program, new_momenta):
        nodes: dict[int, Node] = {}
        after: dict[int, Any] = {}
        for index in members:
            position, factor = _decayed(program, index) or (0, 0.0)
            rest = program.nodes[index].args[1 - position]
            for user in program.users[index]:
                node, compute = program.nodes[user], program.nodes[user].compute
                assert compute is not None
                where = tuple(k for k, a in enumerate(node.args) if a == Ref(index))

                def ahead(*values: Any, where: Any = where, compute: Any = compute, factor: float = factor) -> Any:
                    *own, extra = values
                    return compute(*(extra + factor * v if k in where else v for k, v in enumerate(own)))

                nodes[user] = replace(node, args=(*node.args, rest), compute=ahead)
        yield Hypothesis(
            "momentum convention",
            f"the new momentum of {title(program, members)} looked ahead once more (Nesterov)",
            Edit(nodes, after),
            7,
        )


def _decayed(program: Program, index: int) -> tuple[int, float] | None:
    """The operand that is an input times a number, and the number."""
    for position, arg in enumerate(program.nodes[index].args):
        if isinstance(arg, Ref) and program.nodes[arg.index].op == "mul":
            args = program.nodes[arg.index].args
            factor = next((a for a in args if isinstance(a, float)), None)
            source = next((a for a in args if isinstance(a, Ref)), None)
            if factor is not None and source is not None and program.nodes[source.index].op == "input" and factor > 0.3:
                return position, factor
    return None


def complements(context: Context) -> Iterator[Hypothesis]:
    """1 - x in place of x, which exchanges the weights of a moving average."""
    program = context.program
    for members, node in groups(program):
        if node.is_floating and node.shape and (node.op == "sigmoid" or _is_weight(program, members[0])):
            edit = Edit.mapped(members, lambda x: 1 - x)
            yield Hypothesis("momentum convention", f"1 - x in place of x at {title(program, members)}", edit, 3.5)


def _is_weight(program: Program, index: int) -> bool:
    """Used beside 1 minus itself."""
    return any(program.nodes[u].op == "sub" and program.nodes[u].args[0] == 1.0 for u in program.users[index])


def averages(context: Context) -> Iterator[Hypothesis]:
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
        change = f"{value:.6g} and {1 - value:.6g} exchanged{f' at {place}' if place else ''}"
        yield Hypothesis("momentum convention", change, Edit(nodes), 6)
