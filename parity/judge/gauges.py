"""What a finding says of outputs that are defined up to signs, and of those that look so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from parity.compare.compare import compare
from parity.data.gauge import COLUMNS, KINDS, Gauge
from parity.data.leaf import LeafName
from parity.execution.result import Result
from parity.execution.run_cache import RunCache
from parity.judge import tolerances
from parity.judge.finding import Cause, Finding, Verdict
from parity.judge.rungs.leaf import Leaf


def told(leaf: Leaf, finding: Finding) -> Finding:
    """The finding, which says how many vectors have another sign on either side where it passes all the same."""
    if not finding.verdict.passes or not leaf.cache.up_to:
        return finding
    signs = [leaf.cache.result(side, leaf.dtype, leaf.mode, leaf.variant).signs for side in leaf.cache.sides]
    words = Gauge(leaf.cache.up_to).told(leaf.name, *(found.get(leaf.name) for found in signs))
    return replace(finding, message=f"{finding.message}; equal up to {words}") if words else finding


def hinted(cache: RunCache, finding: Finding, actual: Result, expected: Result) -> Finding:
    """A float64 difference that is gone with other signs of some vectors: the cause says which option accepts that.

    Where all of them have another sign, one factor explains it as well.
    """
    name = LeafName(finding.leaf)
    pair = actual.leaf(name), expected.leaf(name)
    if finding.verdict is not Verdict.SEMANTIC or finding.dtype != "float64" or name.is_gradient:
        return finding
    if Gauge(cache.up_to).kind(name) or not all(isinstance(array, np.ndarray) for array in pair):
        return finding
    if pair[0].dtype.kind != "f" or pair[0].ndim < 2 or min(pair[0].shape[-2:]) < 2:
        return finding
    for kind in KINDS:
        gauge = Gauge({name: kind}, {name: pair[0]})
        signs = gauge.signs(name, pair[1])
        error = compare(pair[0], gauge.aligned(name, pair[1])).error
        if signs is None or not np.ptp(signs) or not error <= tolerances.CAUSE_FLOOR:
            continue
        each = "column" if kind == COLUMNS else "row"
        words = gauge.told(name, signs, np.ones_like(signs))
        option = f"up_to={{{name!r}: {kind!r}}}"
        hint = f"equal up to {words}; if the function defines {name} only up to a sign of each {each}, pass {option}"
        return replace(finding, causes=(*finding.causes, Cause(f"sign of each {each}", hint)))
    return finding
