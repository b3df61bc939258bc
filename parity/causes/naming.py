"""The name of a cause from what changed: one number at one place."""

from __future__ import annotations

import math
from collections.abc import Iterator

from parity.causes.constants import close, correction_of, decimal_of, neighbours, ratio_of, size_of
from parity.causes.context import COMPARISONS, Context
from parity.programs.program import Ref

TINY = 2e-2
Named = tuple[str, str, float]  # name, explanation, rank


def literal_cause(context: Context, index: int, position: int, old: float, new: float) -> Named:
    """The cause when the literal at `position` of node `index` goes from `old` to `new`."""
    node = context.program.nodes[index]
    operand = next((arg.index for arg in node.args if isinstance(arg, Ref)), None)
    root = context.into_root(index)
    if node.op in COMPARISONS:
        return "clamp bound", "", 15
    if node.op in ("max", "min", "clamp"):
        is_eps = root and max(abs(old), abs(new)) <= TINY
        return ("eps value", f"on the way into {root}", 8) if is_eps else ("clamp bound", "", 15)
    if node.op in ("add", "sub", "iota"):
        if root and max(abs(old), abs(new)) <= TINY:
            return "eps value", f"on the way into {root}", 5
        if close(abs(old - new), 1) and (operand is None or context.is_whole(operand)):
            return "shifted index", "it counts", 12
        return ("missing term", "", 30) if old == 0 or new == 0 else ("constant factor", "", 40)
    if node.op in ("mul", "div", "fill", "where"):
        return factor_cause(
            context, operand if operand is not None else index, old, new, True, node.op == "div" and position == 1
        )
    return "constant factor", "", 42


def factor_cause(
    context: Context, operand: int, old: float, new: float, is_literal: bool, is_divisor: bool = False
) -> Named:
    """The cause when a factor on (or divisor of) node `operand` goes from `old` to `new`."""
    return min(_factor_causes(context, operand, old, new, is_literal, is_divisor), key=lambda named: named[2])


def _factor_causes(
    context: Context, operand: int, old: float, new: float, is_literal: bool, is_divisor: bool
) -> Iterator[Named]:
    if close(old, -new):
        yield "sign", "", 4
    if is_literal and close(old - 1, 1 - new) and 0 < abs(old - 1) < 0.2:
        yield "sign", f"1 {old - 1:+.3g} and 1 {new - 1:+.3g}", 4
    ratio = new / old if old else math.inf
    size = max(abs(ratio), 1 / abs(ratio)) if ratio else math.inf
    if context.is_bias(operand):
        name = context.input_of(operand)
        if old == 0 or new == 0:
            yield "missing bias", f"{name} is added", 4
        elif close(size, 2):
            yield "doubled bias", f"{name} is added", 4
    if old == 0 or new == 0:
        yield "missing term", "", 28
        return
    yield from _of_steps(context, operand, old, new, ratio)
    yield from _of_counts(context, operand, old, new, size, is_literal, is_divisor)
    yield from _of_sizes(context, old, new, ratio, is_literal)
    if is_literal and min(abs(old), abs(new)) >= 3 and close(abs(old - new), 1) and float(round(old)) == old:
        yield "shifted index", "one more or less", 17
    number = next((x for x in (ratio, 1 / ratio) if context.has_literal(abs(x)) and abs(x) != 1), None)
    stands = "" if number is None or is_literal else f", and {abs(number):.6g} stands in the code"
    yield (
        "constant factor",
        f"the ratio is {size_of(ratio, context.sizes)[0] or decimal_of(ratio)}{stands}",
        18,
    )


def _of_steps(context: Context, operand: int, old: float, new: float, ratio: float) -> Iterator[Named]:
    """What optimizers do with numbers."""
    correction = correction_of(ratio, context.decays, context.steps)
    if not correction:  # as many steps as an axis is long, of a decay that stands in the code
        written = [x for x in context.decays if context.has_literal(x) or context.has_literal(1 - x)]
        correction = correction_of(ratio, written, sorted(context.sizes))
    if correction:
        yield "bias correction", f"the ratio is {correction}", 6
    if close(old + new, 1) and 0 < old < 1:
        yield "momentum convention", f"{old:.6g} is 1 - {new:.6g}", 7
    state = context.is_state(operand)
    small = max(abs(old), abs(new)) <= 0.2
    shrinks = all(0.9 < abs(x) < 1.1 and x != 1 for x in (old, new))
    if state and (small or shrinks):
        yield "weight decay value", f"multiplies {state}", 11
    for decay in context.decays:
        if decay >= 0.8 and (close(ratio, 1 - decay) or close(1 / ratio, 1 - decay)) and context.has_literal(decay):
            yield "momentum convention", f"the ratio is 1 - {decay:.6g} or its inverse", 16


def _of_counts(
    context: Context, operand: int, old: float, new: float, size: float, is_literal: bool, is_divisor: bool
) -> Iterator[Named]:
    """What sums are divided by."""
    if not context.is_sum(operand):
        if context.program.nodes[operand].op == "add" and close(size, 2) and not _literals(context, operand):
            yield "mean against sum", "two terms are added", 17.5
        return
    pair = neighbours(context.counts, old, new)
    if pair:
        yield "biased variance", f"the divisors are {pair}", 3
    if any(count > 1 and close(size, count / (count - 1)) for count in context.counts):
        yield "biased variance", f"the ratio is {size:.6g}, a count over the count less one", 7
    reduced = context.reduced(operand)
    is_count = any(close(size, count) for count in {*context.counts, reduced})
    if is_literal and is_count:
        # A divisor that is left out, or one count in place of another.
        low, high = sorted((abs(old), abs(new)))
        left_out = (is_divisor and close(low, 1)) or (not is_divisor and close(high, 1)) or close(size, reduced)
        yield ("mean against sum", f"{size:.6g} elements are summed", 5) if left_out else (
            "scale by another dimension", f"the ratio is {size:.6g}, a number of elements", 5.5
        )  # fmt: skip
    elif reduced > 1 and close(size, reduced):
        yield "mean against sum", f"{reduced} elements are summed", 5
    elif reduced > 1 and close(size, math.sqrt(reduced)):
        yield "mean against sum", f"the ratio is the root of {reduced}, the number of elements that are summed", 8
    elif is_count:
        yield "scale by another dimension", f"the ratio is {size:.6g}, a number of elements", 14


def _of_sizes(context: Context, old: float, new: float, ratio: float, is_literal: bool) -> Iterator[Named]:
    """What lengths of axes scale."""
    made = size_of(old, context.sizes), size_of(new, context.sizes)
    if is_literal and made[0][1] and made[1][1] and made[0][1] != made[1][1]:
        yield "scale by another dimension", f"{made[0][0]} and {made[1][0]}", 6
    from_one = is_literal and (close(abs(old), 1) or close(abs(new), 1))
    between = ratio_of(ratio, context.sizes)
    if between and not from_one and not size_of(ratio, context.sizes)[0]:
        # Two round numbers may have the ratio of two sizes by chance, and so may a round number that stands in the code.
        by_chance = (_is_round(old) and _is_round(new)) or _stands_in_code(context, ratio)
        yield "scale by another dimension", f"the ratio is {between}", 19 if by_chance else 9


def _is_round(value: float) -> bool:
    return value not in (0.0, 1.0) and float(f"{value:.3g}") == value


def _stands_in_code(context: Context, ratio: float) -> bool:
    """The ratio, or its inverse, is a number of the program."""
    return any(_is_round(abs(x)) and context.has_literal(abs(x)) for x in (ratio, 1 / ratio))


def _literals(context: Context, index: int) -> bool:
    return any(not isinstance(arg, Ref) for arg in context.program.nodes[index].args)
