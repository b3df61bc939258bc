"""The ladder: from the runs of one leaf to one word. The rungs themselves are in `parity/rungs`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from parity.compare.compare import compare
from parity.execution.run_cache import GIVEN, InputVariant, RunCache
from parity.judge.finding import Finding, Verdict
from parity.judge.rungs import float64, low
from parity.judge.rungs.leaf import Leaf
from parity.judge.rungs.vacuity import vacuous
from parity.judge.structure import comparable
from parity.sides import SIDES


def rung(evidence: RunCache, dtype: str, mode: str, regime: str = "unit") -> list[Finding]:
    """All findings of one precision in one mode, on the caller's inputs moved into a regime."""
    values = InputVariant(dtype, regime=regime)
    jax, torch = (evidence.result(side, dtype, mode, values) for side in SIDES)
    leaves, structural = comparable(jax, torch, dtype, mode)
    findings = [replace(finding, regime=regime) for finding in structural]
    return findings + [judge(evidence, leaf, dtype, mode, values) for leaf in leaves]


def says_nothing(finding: Finding) -> bool:
    """Saturated or all NaN in a regime that parity made: no pass, and no failure of the functions either."""
    return finding.regime != "unit" and finding.verdict is Verdict.VACUOUS


def judge(evidence: RunCache, name: str, dtype: str, mode: str, values: InputVariant = GIVEN) -> Finding:
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
