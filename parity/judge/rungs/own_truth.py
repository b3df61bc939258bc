"""float32 and below, where float64 differs already: each side against its own float64 value. Nothing passes here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from parity.data.dtypes import is_discrete
from parity.judge.finding import REPEATED, Finding, Verdict
from parity.judge.rungs.error_ratio import compare_sides
from parity.judge.rungs.leaf import Leaf
from parity.judge.rungs.lost import counted, lost_elements, side_with_more


def judge(leaf: Leaf, finding: Finding, float64: Finding) -> Finding:
    """STABILITY of a side that alone is far from its own float64 value; else what float64 says."""
    known = replace(finding, verdict=float64.verdict, side=float64.side, message=REPEATED)
    pair = leaf.judged()
    own = [leaf.at(side, "float64", leaf.variant) for side in leaf.cache.sides]
    if is_discrete(pair[0]) or any(truth is None or truth.shape != pair[0].shape for truth in own):
        return known
    each = "each side against its own float64 value, since these differ"
    lost = {
        side: lost_elements(value, np.asarray(truth), leaf.precision)
        for side, value, truth in zip(leaf.cache.sides, pair, own, strict=True)
    }
    if any(lost.values()):
        message = f"{each}: not finite where that is: {counted(lost, finding.size)}"
        return replace(finding, verdict=Verdict.STABILITY, side=side_with_more(lost), message=message)
    sides = compare_sides(leaf, own=True)
    if sides.worse is None:
        return replace(known, message=f"{known.message}; {each}: {sides.message}")
    return replace(finding, verdict=Verdict.STABILITY, side=sides.worse, message=f"{each}: {sides.message}")
