"""The ladder: from the runs of one leaf to one word. The rungs themselves are in `parity/judge/rungs`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from parity.compare.statistics import Statistics
from parity.execution.run_cache import RunCache
from parity.judge import conjugation, gauges, randomness, variants
from parity.judge.finding import Cause, Finding, Verdict
from parity.judge.inner import undecided
from parity.judge.rungs import float64, kernels, low, pinned
from parity.judge.rungs.leaf import Leaf
from parity.judge.rungs.vacuity import vacuous
from parity.judge.structure import comparable

FLOAT64, EAGER = "float64", "eager"


def rungs(
    cache: RunCache,
    dtypes: Sequence[str],
    modes: Sequence[str],
    regime: str = "unit",
    progress: Callable[[str], None] = lambda step: None,
    asked: Sequence[str] = (FLOAT64,),
) -> Iterator[Finding]:
    """All findings on the caller's inputs taken into a regime: float64 first, which the lower precisions build on.

    The runs that no verdict needs any more are dropped on the way, and all of them in the end.

    Args:
        asked: the dtypes that the caller wants judged: a step of the code in less than the highest of them fails.
    """
    suffix = "" if regime == "unit" else f" {regime}"
    progress(f"{FLOAT64} {EAGER}{suffix}")
    structural, judged = rung(cache, FLOAT64, EAGER, regime)
    judged = [pinned.leaning(cache, pinned.tables(cache, kernels.judge(cache, finding))) for finding in judged]
    above = {finding.leaf: finding for finding in judged}
    structural, judged = ([pinned.judge(cache, one, asked) for one in findings] for findings in (structural, judged))
    # A difference may be made of random numbers, drawn anew with every call; two sides that draw do not agree by luck.
    if any(not (finding.verdict.passes or is_uninformative(finding)) for finding in (*structural, *judged)):
        random = randomness.random_sides(cache, modes[0], regime)
        if random:
            cache.release()
            yield from random
            return
    cache.release_moved()
    for mode in modes:
        for dtype in dict.fromkeys((FLOAT64, *dtypes)):
            if (dtype, mode) == (FLOAT64, EAGER):
                yield from (*structural, *(conjugation.named(cache, finding) for finding in judged))
                continue
            if dtype == FLOAT64 and cache.pinned.is_lifted:
                continue  # compiled, the code would have its own precision: its rung is that of a lower dtype
            progress(f"{dtype} {mode}{suffix}")
            for findings in rung(cache, dtype, mode, regime, above):
                yield from (conjugation.noted(cache, conjugation.named(cache, finding)) for finding in findings)
            for one in dict.fromkeys((mode, cache.mode_of_rung(dtype, mode))):
                cache.release(dtype, one)
    cache.release()


def rung(
    cache: RunCache, dtype: str, mode: str, regime: str = "unit", above: Mapping[str, Finding] | None = None
) -> tuple[list[Finding], list[Finding]]:
    """The findings of one precision in one mode: those of structure, then those of numbers.

    Args:
        above: leaf → what the float64 rung said of it; not needed for float64 itself.
    """
    variant = variants.given(regime, dtype)
    run_mode = cache.mode_of_rung(dtype, mode)
    actual, expected = (cache.result(side, dtype, run_mode, variant) for side in cache.sides)
    leaves, structural = comparable(actual, expected, cache.sides, dtype, mode)
    judged = [
        _as_set(Leaf(cache, name, dtype, run_mode, variant, tuple(leaves)), (above or {}).get(name), mode)
        for name in leaves
    ]
    judged = undecided([gauges.hinted(cache, finding, actual, expected) for finding in judged], (actual, expected))
    return [replace(finding, regime=regime) for finding in structural], judged


def _as_set(leaf: Leaf, above: Finding | None, mode: str) -> Finding:
    """The verdict, with the matmul precision that the process is set to as the cause of a failure that passes at the highest."""
    finding = replace(judge(leaf, above), mode=mode)
    if leaf.mode == mode or finding.verdict.passes:
        return finding
    at_highest = replace(leaf, mode=mode)
    if at_highest.pair(leaf.dtype, leaf.variant) is None or not (again := judge(at_highest, above)).verdict.passes:
        return finding
    evidence = f"as set: {leaf.cache.callers}; with the highest on both sides {leaf.dtype} is {again.verdict}"
    return replace(finding, causes=(Cause("matmul precision", evidence), *finding.causes))


def is_uninformative(finding: Finding) -> bool:
    """Saturated or all NaN in a regime that parity made: no pass, and no failure of the functions either."""
    return finding.regime != "unit" and finding.verdict is Verdict.VACUOUS


def judge(leaf: Leaf, above: Finding | None = None) -> Finding:
    """The verdict for one leaf that both sides have, with equal shape and dtype.

    Args:
        above: what the float64 rung said of it; None if it could not be run, and for float64 itself.
    """
    statistics, finding = _compared(leaf)
    nothing = vacuous(leaf, finding, statistics)
    if nothing is not None:
        return nothing
    finding = _with_values(finding, leaf)
    judged = float64.judge(leaf, finding) if leaf.dtype == FLOAT64 else low.judge(leaf, finding, above)
    judged = gauges.told(leaf, judged)
    unseen = min(statistics.nan_actual, statistics.nan_expected)
    if not unseen or leaf.variant.regime != "unit":
        return judged
    note = f"{leaf.name}: {unseen} of {statistics.size} elements are NaN on both sides, and were not compared"
    return replace(judged, notes=(*judged.notes, note))


def judge_numbers(leaf: Leaf, *, second_look: bool) -> Finding:
    """The float64 verdict without a look at vacuity, for values that were seen to say something.

    Args:
        second_look: run equal values on moved inputs too.
    """
    return float64.judge(leaf, _with_values(_compared(leaf)[1], leaf), second_look=second_look)


def _compared(leaf: Leaf) -> tuple[Statistics, Finding]:
    statistics = leaf.statistics(leaf.dtype, leaf.variant)
    assert statistics is not None, f"{leaf.name} was not seen to be comparable before"
    return statistics, Finding(
        leaf=leaf.name,
        dtype=leaf.dtype,
        mode=leaf.mode,
        regime=leaf.variant.regime,
        verdict=Verdict.EXACT,
        error=statistics.error,
        index=statistics.worst_index,
        mismatches=statistics.mismatches,
        size=statistics.size,
        max_ulp=statistics.max_ulp,
        message="bit-equal",
    )


def _with_values(finding: Finding, leaf: Leaf) -> Finding:
    """The three numbers at the worst place."""
    if finding.index is None:
        return finding
    actual, expected = leaf.judged()
    # In float64 only a reference is more than the two sides themselves.
    reference = leaf.cache.reference_leaf(leaf.name, leaf.variant)
    truth = reference if leaf.dtype == FLOAT64 else leaf.truth(leaf.variant)

    def at(array: np.ndarray | None) -> Any:
        return None if array is None or array.shape != actual.shape else array[finding.index].item()

    return replace(finding, actual=at(actual), expected=at(expected), truth=at(truth))
