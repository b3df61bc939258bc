"""The name of a cause from what changed: one number at one place."""

from __future__ import annotations

from parity.causes.context import COMPARISONS, Context
from parity.causes.numbers import close, correction_of, neighbours, ratio_of, size_of
from parity.causes.programs.program import Ref

TINY = 2e-2


def _shown(value: float) -> str:
    return f"{value:.6g}"


def literal_cause(context: Context, index: int, position: int, old: float, new: float) -> tuple[str, str, float]:
    """Name, explanation and rank for the literal at `position` of node `index` going from `old` to `new`."""
    node = context.program.nodes[index]
    operand = next((arg.index for arg in node.args if isinstance(arg, Ref)), None)
    if node.op in COMPARISONS:
        return "clamp bound", "", 20
    if node.op in ("max", "min", "clamp"):
        root = context.into_root(index)
        return (
            ("eps value", f"on the way into {root}", 8)
            if root and max(abs(old), abs(new)) <= TINY
            else ("clamp bound", "", 15)
        )
    if node.op in ("add", "sub"):
        root = context.into_root(index)
        if root and max(abs(old), abs(new)) <= TINY:
            return "eps value", f"on the way into {root}", 5
        if old == 0 or new == 0:
            return "missing term", "", 30
        if close(abs(old - new), 1) and operand is not None and "iota" in _ops_above(context, operand):
            return "shifted index", "", 12
        return "constant factor", "", 40
    if node.op == "iota":
        return ("shifted index", "", 12) if close(abs(old - new), 1) else ("constant factor", "", 40)
    if node.op in ("mul", "div", "fill", "where"):
        return factor_cause(context, operand if operand is not None else index, old, new, index)
    return "constant factor", "", 42


def factor_cause(context: Context, operand: int, old: float, new: float, index: int) -> tuple[str, str, float]:
    """The same for a factor on (or divisor of) node `operand`."""
    program = context.program
    if close(old, -new):
        return "sign", "", 10
    ratio = new / old if old else float("inf")
    if context.is_bias(operand):
        name = context.input_of(operand)
        for number, word in ((0.0, "missing bias"), (2.0, "doubled bias")):
            if {round(old, 9), round(new, 9)} == {number, 1.0} or (
                number and close(max(ratio, 1 / ratio) if ratio else 0, 2)
            ):
                return word, f"{name} is added", 4
        if new == 0 or old == 0:
            return "missing bias", f"{name} is added", 4
    if old == 0 or new == 0:
        return "missing term", "", 28
    correction = correction_of(ratio, context.decays, context.steps)
    if correction:
        return "bias correction", f"the ratio is {correction}", 6
    pair = neighbours(context.counts, old, new)
    if pair and context.is_sum(operand):
        return "biased variance", f"the divisors are {pair}", 3
    for count in context.counts:
        if close(max(ratio, 1 / ratio), count / (count - 1) if count > 1 else 0) and context.is_sum(operand):
            return "biased variance", f"the ratio is {count}/{count - 1}", 7
    one = close(abs(old), 1) or close(abs(new), 1)
    count = next((c for c in sorted(context.counts) if close(max(abs(ratio), abs(1 / ratio)), c)), 0)
    if count and context.is_sum(operand) and (one or _reduced(context, operand) == count):
        return "mean against sum", f"{count} elements are summed", 5
    if close(old + new, 1) and 0 < old < 1:
        return "momentum convention", f"{_shown(old)} is 1 - {_shown(new)}", 7
    if context.is_state(operand) and (max(abs(old), abs(new)) <= 0.2 or min(abs(old), abs(new)) > 0.9):
        decay = (
            max(abs(old), abs(new)) <= 0.2
            or all(0.9 < abs(x) < 1.0 - 1e-9 for x in (old, new))
            and min(abs(old), abs(new)) > 0.98
        )
        if decay:
            return "weight decay value", f"multiplies {context.is_state(operand)}", 11
    sizes = size_of(old, context.sizes), size_of(new, context.sizes)
    if all(sizes):
        return "scale by another dimension", f"{sizes[0]} and {sizes[1]}", 6
    if count and context.is_sum(operand):
        return "scale by another dimension", f"the ratio is {count}", 14
    made = ratio_of(ratio, context.sizes)
    if made and not one:
        return "scale by another dimension", f"the ratio is {made}", 9
    made = size_of(ratio, context.sizes)
    decays = {d for d in context.decays if any(close(1 - d, x) for x in context.decays)}
    if (
        any(close(ratio, x) or close(1 / ratio, x) for d in decays for x in (1 - d,))
        and not close(abs(ratio), 0.5)
        and context.steps is not None
    ):
        return "momentum convention", f"the ratio is {_shown(ratio)}, one less a decay", 16
    return "constant factor", f"the ratio is {made or _shown(ratio)}", 18 if index is not None else 19


def _reduced(context: Context, operand: int) -> int:
    node = context.origin(Ref(operand))
    if node is not None and node.op in ("mul", "div") and isinstance(node.args[0], Ref):
        return _reduced(context, node.args[0].index)
    if node is None or node.op != "sum" or not isinstance(node.args[0], Ref):
        return 0
    shape = context.program.nodes[node.args[0].index].shape
    total = 1
    for dim in node.args[1]:
        total *= shape[dim]
    return total


def _ops_above(context: Context, index: int) -> set[str]:
    return {context.program.nodes[i].op for i in (index, *context.program.above(index, 6))}
