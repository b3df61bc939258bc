"""A side that differs from itself on the same inputs: nothing about it can be compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from parity.compare.compare import compare
from parity.data.dtypes import as_float64
from parity.data.input_variant import InputVariant
from parity.execution import repeat
from parity.execution.result import Result
from parity.execution.run_cache import AS_WRITTEN, RunCache
from parity.judge import tolerances, variants
from parity.judge.finding import Finding, Verdict


def random_sides(cache: RunCache, mode: str, regime: str) -> list[Finding]:
    """A finding for each side whose float64 run, made once more on the caller's inputs, differs by more than rounding."""
    findings = []
    for side in cache.sides:
        variant = variants.given(regime)
        first = cache.result(side, "float64", AS_WRITTEN, variant)
        if first.problems:
            continue
        names = _unlike(first, repeat.again(cache, side, variant))
        if not names:
            continue
        drawn = repeat.drawing(cache, side, variant)
        # A draw may be near the one before it: one after another, none stays so.
        repeats = (_unlike(first, repeat.again(cache, side, variant)) for _ in range(tolerances.REPEATS))
        if not drawn and all(_is_rounding(cache, side, variant, unlike) for unlike in (names, *repeats)):
            continue
        what = (
            f"draws random numbers: {'; '.join(drawn)}"
            if drawn
            else "draws random numbers or keeps state between calls"
        )
        message = (
            f"{side} differs from itself on the same inputs, so nothing was compared: it {what}; hand the random numbers in as "
            "an input, or switch them off (model.eval(), dropout 0)"
        )
        worst = max(names, key=lambda name: names[name])
        found = Finding(worst, "float64", mode, Verdict.ERROR, side, error=names[worst], message=message)
        findings.append(replace(found, regime=regime))
    return findings


def _unlike(first: Result, second: Result) -> dict[str, float]:
    """Leaf → how far both runs differ, for those that differ by more than two correct ports would."""
    unlike = {}
    for name, value in {**first.outputs, **first.gradients}.items():
        other = second.leaf(name)
        if not isinstance(value, np.ndarray) or not isinstance(other, np.ndarray):
            continue
        if value.shape != other.shape:
            unlike[name] = np.inf
            continue
        error = compare(as_float64(value), as_float64(other)).error
        if not error <= tolerances.FLOAT64_EQUAL:
            unlike[name] = float(error)
    return unlike


def _is_rounding(cache: RunCache, side: str, variant: InputVariant, names: dict[str, float]) -> bool:
    """Do a few units in the last place of the inputs make as much? Threads that add in another order make no more than they do.

    What draws differs after a move as well: a move so many times as large has to make so much more.
    """
    first = cache.result(side, "float64", AS_WRITTEN, variant)
    moved = []
    for factor, other in variants.conditioning(variant):
        there = cache.result(side, "float64", AS_WRITTEN, other)
        moved.append((factor, _unlike(first, there)))
    return all(
        error <= tolerances.CONDITION_FACTOR * min(there.get(name, 0.0) / factor for factor, there in moved)
        for name, error in names.items()
    )
