"""Discrete values (argmax, top-k, casts) in a low precision: is each difference a tie within rounding?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from parity.data.dtypes import epsilon
from parity.judge import tolerances
from parity.judge.finding import Finding, Verdict
from parity.judge.rungs.leaf import Leaf
from parity.sides import SIDES


def judge(leaf: Leaf, finding: Finding, truth: np.ndarray) -> Finding:
    """ROUNDING if every value that is not the true one is a near tie: also the float64 value changes there when the
    inputs move by a few units of the dtype. Otherwise the side with more wrong values is the worse one."""
    size = tolerances.TIE_UNITS * epsilon(leaf.dtype)
    near = np.zeros(truth.shape, bool)
    for number in range(1, tolerances.TIE_JITTERS + 1):
        moved = leaf.truth(replace(leaf.values, jitter=number, size=size))
        if moved is not None and moved.shape == truth.shape:
            near |= moved != truth
    wrong = {side: (value != truth) & ~near for side, value in zip(SIDES, leaf.judged(), strict=True)}
    counts = {side: int(mask.sum()) for side, mask in wrong.items()}
    if not any(counts.values()):
        words = f"{finding.mismatches} of {finding.size} discrete values differ, each a tie within {tolerances.TIE_UNITS:g} units"
        return replace(finding, verdict=Verdict.ROUNDING, message=words)
    worse = max(SIDES, key=lambda side: counts[side]) if counts["jax"] != counts["torch"] else None
    words = ", ".join(f"{side} {count}" for side, count in counts.items())
    return replace(
        finding,
        verdict=Verdict.STABILITY,
        side=worse,
        message=f"values differ from the float64 truth where it is no tie within {tolerances.TIE_UNITS:g} units: {words}",
    )
