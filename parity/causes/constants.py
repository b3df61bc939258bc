"""What a number means: which sizes, counts or powers it is made of."""

from __future__ import annotations

import math
from collections.abc import Iterable

from parity.judge.tolerances import CAUSE_NUMBER, CAUSE_NUMBER_AT_ZERO

DECAYS = (0.9, 0.99, 0.999, 0.95, 0.98, 0.9999)


def close(x: float, y: float) -> bool:
    """The same number, as far as a solver can tell."""
    return abs(x - y) <= (CAUSE_NUMBER * max(abs(x), abs(y)) if x and y else CAUSE_NUMBER_AT_ZERO)


def arrow(old: float, new: float) -> str:
    """`0.1 → 0.2`, with as many digits as it takes to see a change."""
    texts = ((format(old, f".{digits}g"), format(new, f".{digits}g")) for digits in (6, 9, 12, 17))
    before, after = next((pair for pair in texts if pair[0] != pair[1]), (repr(old), repr(new)))
    return f"{before} → {after}"


def decimal_of(ratio: float) -> str:
    """`0.5`; of what would be 1 with so few digits, how far it is from it."""
    text = format(ratio, ".6g")
    return text if text != "1" or ratio == 1 else f"1 {ratio - 1:+.3g}".replace("+", "+ ").replace(" -", " - ")


def size_of(value: float, sizes: Iterable[int]) -> tuple[str, int]:
    """How `value` is made of one size, and the size: `sqrt(13)`, 13; empty and 0 if it is not."""
    for size in sorted(sizes):
        root = math.sqrt(size)
        forms = ((f"{size}", size), (f"sqrt({size})", root), (f"1/{size}", 1 / size), (f"1/sqrt({size})", 1 / root))
        for form, number in forms:
            if size > 1 and close(abs(value), number):
                return form, size
    return "", 0


def ratio_of(value: float, sizes: Iterable[int]) -> str:
    """How `value` is made of two sizes: `7/13`, `sqrt(7/13)`; empty if it is not."""
    known = sorted({size for size in sizes if size > 1})
    for first in known:
        for second in known:
            if first == second:
                continue
            if close(abs(value), first / second):
                return f"{first}/{second}"
            if close(abs(value), math.sqrt(first / second)):
                return f"sqrt({first}/{second})"
    return ""


def correction_of(value: float, decays: Iterable[float], steps: Iterable[int]) -> str:
    """How `value` is made of a bias correction: `1 - 0.9**5`, its root or inverse; empty if it is not."""
    for decay in decays:
        for step in steps:
            if not 0 < decay < 1 or step < 1:
                continue
            factor = 1 - decay**step
            for power in (1.0, -1.0, 0.5, -0.5):
                if close(value, factor**power):
                    exponent = "" if power == 1.0 else f"**{power:g}"
                    return f"(1 - {decay:g}**{step}){exponent}"
    return ""


def neighbours(counts: Iterable[int], old: float, new: float) -> str:
    """`13 and 12` if the two numbers are a count and the count less one, or the inverses of these."""
    for pair in ((old, new), (1 / old if old else 0.0, 1 / new if new else 0.0)):
        low, high = sorted(map(abs, pair))
        if round(high) in counts and close(high, round(high)) and close(low, high - 1):
            return f"{round(high)} and {round(low)}"
    return ""
