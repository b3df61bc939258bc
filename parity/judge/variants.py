"""Every input variant that a check may run, by purpose. A rung asks here for its inputs and makes none itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from parity.data.dtypes import epsilon
from parity.data.input_variant import OFF_ZERO, ON_TOP, PROPORTIONAL, SHRUNK, InputVariant
from parity.judge import tolerances


def given(regime: str, dtype: str = "float64") -> InputVariant:
    """The caller's values in a regime, rounded to the dtype of a rung."""
    return InputVariant(regime, rounded_to=dtype)


def second_look(base: InputVariant) -> InputVariant:
    """Every input moved a little: zeros hide a term, ones hide a factor."""
    return base.moved(PROPORTIONAL, 1, tolerances.LOOK_SIZE)


def off_zero(base: InputVariant) -> InputVariant:
    """The second look, with a number in place of each zero too."""
    return second_look(base).moved(OFF_ZERO, 1, tolerances.LOOK_SIZE)


def close_by(base: InputVariant, dtype: str) -> list[InputVariant]:
    """Inputs near these: every rounding in `dtype` is drawn anew, and the regime is not left."""
    size = max(tolerances.SIDE_JITTER_SIZE, tolerances.SIDE_JITTER_UNITS * epsilon(dtype))
    return [base.moved(PROPORTIONAL, number, size) for number in range(1, tolerances.SIDE_JITTERS + 1)]


def around(base: InputVariant) -> list[InputVariant]:
    """These inputs and inputs near them, all rounded to float32: does a leaf shrink as the unit roundoff does?"""
    size = tolerances.SIDE_JITTER_SIZE
    moved = [base.moved(PROPORTIONAL, number, size) for number in range(1, tolerances.SIDE_JITTERS + 1)]
    return [variant.rounded("float32") for variant in (base, *moved)]


def within_units(base: InputVariant, dtype: str) -> list[InputVariant]:
    """Inputs a few units of `dtype` away: what no arithmetic in `dtype` can tell apart."""
    size = tolerances.EXCUSE_UNITS * epsilon(dtype)
    return [base.moved(ON_TOP, number, size) for number in range(1, tolerances.EXCUSE_MOVES + 1)]


def copies(base: InputVariant, dtype: str) -> list[InputVariant]:
    """Two moves that show whether an output copies an input; in float32, since bfloat16 makes equal numbers of most."""
    return [variant.rounded("float32") for variant in within_units(base, dtype)[:2]]


def near_ties(base: InputVariant, dtype: str) -> list[InputVariant]:
    """Moves by a few units of `dtype`, under which a discrete value at a tie changes."""
    size = tolerances.TIE_UNITS * epsilon(dtype)
    return [base.moved(PROPORTIONAL, number, size) for number in range(1, tolerances.TIE_JITTERS + 1)]


def noise(base: InputVariant, dtype: str) -> list[InputVariant]:
    """Moves that draw the rounding noise of `dtype` anew and change a smooth function little."""
    size = tolerances.NOISE_MOVES[dtype]
    return [base.moved(ON_TOP, number, size) for number in range(1, tolerances.NOISE_JITTERS + 1)]


def conditioning(base: InputVariant) -> list[tuple[float, InputVariant]]:
    """(factor, move by that many times a few units in the last place of float64)."""
    factors = (1.0, tolerances.CONDITION_STEP)
    return [(factor, base.moved(ON_TOP, 1, factor * tolerances.CONDITION_MOVE)) for factor in factors]


def unsteady(base: InputVariant) -> list[InputVariant]:
    """Moves by a few units in the last place of float64, under which a steady answer hardly moves."""
    numbers = range(1, tolerances.UNSTEADY_MOVES + 1)
    return [base.moved(ON_TOP, number, tolerances.CONDITION_MOVE) for number in numbers]


def one_changed(base: InputVariant, name: str) -> InputVariant:
    """One input changed by half its size, to see whether any output depends on it."""
    return base.moved(PROPORTIONAL, 1, tolerances.DEPENDENCE_CHANGE, only=name)


def one_elsewhere(base: InputVariant, name: str) -> list[InputVariant]:
    """One input changed a lot, in several ways: where a gradient of zeros need not be zero any more."""
    numbers = range(1, tolerances.DEPENDENCE_CHANGES + 1)
    changed = [base.moved(PROPORTIONAL, number, tolerances.DEPENDENCE_CHANGE, only=name) for number in numbers]
    return [*changed, base.moved(SHRUNK, 1, tolerances.DEPENDENCE_SHRINK, only=name)]


def rays(base: InputVariant, name: str) -> list[list[InputVariant]]:
    """One input moved in a few directions, zeros too, by each of `JUMP_MOVES`, the nearest first."""
    return [
        [
            base.moved(PROPORTIONAL, number, size, name).moved(OFF_ZERO, number, size, name)
            for size in tolerances.JUMP_MOVES
        ]
        for number in range(1, tolerances.JUMP_RAYS + 1)
    ]


def again(number: int = 1) -> InputVariant:
    """Other inputs of the same kind, on which a cause has to hold as well; the second where the given ones hide a difference."""
    return InputVariant("unit").moved(PROPORTIONAL, number, tolerances.CAUSE_AGAIN)


def every(dtypes: Sequence[str], regimes: Sequence[str], inputs: Iterable[str] = ()) -> Iterator[InputVariant]:
    """All variants that a check with these dtypes and regimes may ask for.

    Args:
        dtypes: the rungs; float64 and float32 are always among them.
        inputs: names of the inputs that are differentiated.
    """
    rungs = dict.fromkeys(("float64", "float32", *dtypes))
    for regime in regimes:
        plain = given(regime)
        for base in (plain, second_look(plain), off_zero(plain)):
            yield from _of(base, rungs)
        yield from (one_changed(given(regime, dtype), name) for dtype in rungs for name in inputs)
        for name in inputs:
            yield from chain(one_elsewhere(plain, name)[1:], *rays(plain, name))
    yield from (again(1), again(2))


def _of(base: InputVariant, rungs: Iterable[str]) -> Iterator[InputVariant]:
    for dtype in rungs:
        rounded = base.rounded(dtype)
        for variant in (rounded, *close_by(rounded, dtype)):
            yield variant
            yield variant.rounded("float32")
            yield from within_units(variant, dtype)
            yield from chain(
                noise(variant, "float64"), (moved for _, moved in conditioning(variant)), unsteady(variant)
            )
        yield from around(rounded)
        yield from copies(rounded, dtype)
        yield from near_ties(rounded, dtype)
        yield from chain.from_iterable(noise(rounded, low) for low in ("float32", "bfloat16"))
