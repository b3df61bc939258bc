"""Discrete values (argmax, top-k, casts) in a low precision: is each difference a tie within rounding?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from parity.data.input_variant import InputVariant
from parity.judge import tolerances, variants
from parity.judge.finding import Finding, Verdict
from parity.judge.rungs import overflow
from parity.judge.rungs.leaf import Leaf


def judge(leaf: Leaf, finding: Finding, truth: np.ndarray) -> Finding:
    """ROUNDING if every value that is not the true one is a near tie: also the float64 value changes there when the
    inputs move by a few units of the dtype. Otherwise the side with more wrong values is the worse one."""
    near = np.zeros(truth.shape, bool)
    for moved in variants.near_ties(leaf.variant, leaf.precision):
        changes = leaf.for_each(("ties", leaf.variant, moved), lambda one, at=moved: _changes(one, at))  # type: ignore[misc]
        if changes is not None and changes.shape == truth.shape:
            near |= changes
    wrong = {side: (value != truth) & ~near for side, value in zip(leaf.cache.sides, leaf.judged(), strict=True)}
    counts = {side: int(mask.sum()) for side, mask in wrong.items()}
    units = f"{tolerances.TIE_UNITS:g} units"
    if not any(counts.values()):
        message = f"{finding.mismatches} of {finding.size} discrete values differ, each a tie within {units}"
        return replace(finding, verdict=Verdict.ROUNDING, message=message)
    described = ", ".join(f"{side} {count}" for side, count in counts.items())
    return replace(
        finding,
        verdict=Verdict.STABILITY,
        side=max(counts, key=lambda side: counts[side]) if len(set(counts.values())) > 1 else None,
        causes=overflow.causes(leaf.cache.sides, *leaf.judged()),
        message=f"values differ from the float64 truth where it is no tie within {units}: {described}",
    )


def _changes(leaf: Leaf, moved: InputVariant) -> np.ndarray | None:
    """Where the true value changes under the move; None for a leaf that is not discrete."""
    truth, other = leaf.truth(leaf.variant), leaf.truth(moved)
    if truth is None or other is None or truth.dtype.kind not in "iub" or truth.shape != other.shape:
        return None
    return np.asarray(truth != other)
