"""The ladder: from the runs of one leaf to one word. The rungs themselves are in `parity/rungs`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from parity.compare import compare
from parity.evidence import GIVEN, Evidence, Values
from parity.finding import Finding, Verdict
from parity.rungs import float64, low
from parity.rungs.leaf import Leaf
from parity.rungs.vacuity import vacuous


def judge(evidence: Evidence, name: str, dtype: str, mode: str, values: Values = GIVEN) -> Finding:
    """The verdict for one leaf that both sides have, with equal shape and dtype."""
    leaf = Leaf(evidence, name, dtype, mode, replace(values, rounded_to=dtype))
    statistics = compare(*leaf.judged())
    finding = Finding(
        leaf=name,
        dtype=dtype,
        mode=mode,
        regime=values.regime,
        verdict=Verdict.EXACT,
        error=statistics.error,
        index=statistics.worst_index,
        mismatches=statistics.mismatches,
        size=statistics.size,
        max_ulp=statistics.max_ulp,
        message="bit-equal",
    )
    nothing = vacuous(leaf, finding, statistics)
    if nothing is not None:
        return nothing
    finding = _with_values(finding, leaf)
    if dtype == "float64":
        return float64.judge(leaf, finding)
    above = leaf.pair("float64", leaf.values) and judge(evidence, name, "float64", "eager", values)
    return low.judge(leaf, finding, above or None)


def _with_values(finding: Finding, leaf: Leaf) -> Finding:
    """The three numbers at the worst place."""
    if finding.index is None:
        return finding
    actual, expected = leaf.judged()
    # In float64 only a reference is more than the two sides themselves.
    reference = leaf.evidence.reference_leaf(leaf.name, leaf.values)
    truth = reference if leaf.dtype == "float64" else leaf.truth(leaf.values)

    def at(array: np.ndarray | None) -> Any:
        return None if array is None or array.shape != actual.shape else array[finding.index].item()

    return replace(finding, actual=at(actual), expected=at(expected), truth=at(truth))
