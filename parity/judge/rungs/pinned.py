"""Steps that have a precision of their own: a note where the lifted functions are equal, a failure below what was asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from parity.compare.compare import compare
from parity.data.dtypes import as_float64, epsilon
from parity.data.input_variant import InputVariant
from parity.data.leaf import LeafName
from parity.execution.lifting import LOW_DTYPES, Kind, PinnedStep, PinnedSteps
from parity.execution.run_cache import AS_WRITTEN, RunCache
from parity.execution.runner import NUDGED
from parity.judge import tolerances, variants
from parity.judge.finding import Cause, Finding, Verdict, decimal

FULL = 53  # bits of float64
MOST_PLACES = 4


def tables(cache: RunCache, finding: Finding) -> Finding:
    """A float64 difference that passes because an array which a side holds in less than float64 makes it.

    Such an array (a table of sines, say) is rounded; moved by a unit of its dtype it makes a difference of that size. How far
    both sides are from the truth is then for the lower rungs to say.
    """
    if finding.verdict is not Verdict.SEMANTIC or not cache.pinned.is_lifted or not math.isfinite(finding.error):
        return finding
    made = {side: _made_by_held(cache, finding, side) for side, held in cache.pinned.held.items() if held}
    enough = [side for side, change in made.items() if finding.error <= tolerances.TABLE_FACTOR * change]
    if not enough:
        return finding
    side = enough[0]
    held = sorted(cache.pinned.held[side])
    arrays = ", ".join(f"{dtype} of shape {shape}" if shape else f"a number in {dtype}" for dtype, shape in held)
    told = f"{side} holds {arrays}: a unit in it makes {decimal(made[side])}"
    message = f"largest difference {decimal(finding.error)} of the leaf's largest magnitude; {told}"
    return replace(finding, verdict=Verdict.ROUNDING, causes=(Cause("low-precision table", told),), message=message)


def leaning(cache: RunCache, finding: Finding) -> Finding:
    """A float64 difference of functions whose definition rests on float32: there float32 itself decides.

    A mask of -1e10 that is added to scores makes a fully masked row uniform in float32 and not in float64.
    """
    if finding.verdict is not Verdict.SEMANTIC or not cache.pinned.is_lifted:
        return finding
    rounded, name = variants.given(finding.regime, "float32"), LeafName(finding.leaf)
    low = {side: cache.result(side, "float32", "eager", rounded).leaf(name) for side in cache.sides}
    high = {side: cache.result(side, "float64", "eager", rounded).leaf(name) for side in cache.sides}
    if any(value is None or value.shape != high[side].shape for side, value in low.items()):
        return finding
    own = {side: compare(as_float64(low[side]), as_float64(high[side])).error for side in low}
    side = max(own, key=lambda one: own[one])
    if not tolerances.LEANS < own[side] < math.inf:
        return finding
    told = f"in float64 {side} is {decimal(own[side])} from its own float32 run: its definition rests on float32"
    units = compare(*map(as_float64, low.values())).error / epsilon("float32")
    if units > tolerances.LEANS_UNITS:
        return replace(finding, notes=(*finding.notes, told))
    message = f"{told}, where the sides differ by {decimal(units)} units"
    return replace(finding, verdict=Verdict.ROUNDING, message=message)


def judge(cache: RunCache, finding: Finding, asked: Sequence[str]) -> Finding:
    """The finding of the float64 rung with what its pinned steps mean for it.

    Args:
        asked: the dtypes that the caller wants judged. A step in less than the highest of them fails.
    """
    problems = [
        f"{side} cannot be lifted to float64: {problem.words}" for side, problem in cache.pinned.problems.items()
    ]
    if problems and not finding.verdict.passes:
        return replace(finding, notes=(*finding.notes, *problems))
    if not cache.pinned.is_lifted:
        return finding
    finding = replace(finding, notes=(*finding.notes, note(cache.pinned.steps)))
    if not finding.verdict.passes:
        return finding
    needed = max((LOW_DTYPES.get(dtype, FULL) for dtype in asked), default=FULL)
    below = {side: _below(steps, needed) for side, steps in cache.pinned.steps.items()}
    moved = {side: _moved_by_its_steps(cache, finding, side) for side, steps in below.items() if steps}
    guilty = {
        side: error for side, error in moved.items() if error > max(tolerances.FLOAT64_EQUAL, _least(below[side]))
    }
    if not guilty:
        return finding
    told = "; ".join(f"{side} {described(below[side])}" for side in guilty)
    are_tables = all(step.kind in (Kind.MADE, Kind.HELD) for side in guilty for step in below[side])
    moved_by = f"{decimal(max(guilty.values()))} of the leaf's largest magnitude"
    return replace(
        finding,
        verdict=Verdict.INTERNAL_PRECISION,
        error=max(guilty.values()),
        side=next(iter(guilty)) if len(guilty) == 1 else None,
        causes=(Cause("low-precision table" if are_tables else "low-precision step", told),),
        message=f"equal with every step in float64, but the code asks for less, which moves the result by {moved_by}",
    )


def note(steps: Mapping[str, PinnedSteps]) -> str:
    """All pinned steps of both sides, in a sentence."""
    return "; ".join(f"{side} {described(pinned.counts)}" for side, pinned in steps.items() if pinned.counts)


def described(counts: Mapping[PinnedStep, int]) -> str:
    """`computes in float32 at model.py:12 (2 places)`; steps of one kind together."""
    groups: dict[tuple[str, str, str], dict[str, int]] = {}
    for step, count in counts.items():
        places = groups.setdefault((step.kind, step.dtype, step.what), {})
        places[step.place] = places.get(step.place, 0) + count
    return ", ".join(_group(*key, places) for key, places in groups.items())


def _group(kind: str, dtype: str, what: str, places: Mapping[str, int]) -> str:
    if kind == Kind.HELD:
        return f"{kind} {dtype}"
    at = [f"{place or 'an unknown line'}{f' ({count} places)' if count > 1 else ''}" for place, count in places.items()]
    more = f" and {len(at) - MOST_PLACES} more lines" if len(at) > MOST_PLACES else ""
    return f"{kind} {dtype}{f' ({what})' if what else ''} at {', '.join(at[:MOST_PLACES])}{more}"


def _below(steps: PinnedSteps, bits: int) -> dict[PinnedStep, int]:
    """Steps of less than so many bits; a constant of the caller's dtype is no arithmetic."""
    return {s: n for s, n in steps.counts.items() if LOW_DTYPES[s.dtype] < bits and s.kind is not Kind.DEFINED}


def _least(steps: Mapping[PinnedStep, int]) -> float:
    """What the lowest of these steps moves a result by at least; a smaller move comes from other steps, which are allowed."""
    lowest = min(steps, key=lambda step: LOW_DTYPES[step.dtype]).dtype
    return tolerances.PINNED_LEAST_UNITS * epsilon("float32" if lowest == "complex64" else lowest)


def _moved_by_its_steps(cache: RunCache, finding: Finding, side: str) -> float:
    """How far the code as it is written is from itself with every step in float64.

    Values that a lower precision can hold hide a cast to it: the inputs move too.
    """
    given = variants.given(finding.regime)
    return max(_apart(cache, LeafName(finding.leaf), side, variant) for variant in (given, variants.second_look(given)))


def _made_by_held(cache: RunCache, finding: Finding, side: str) -> float:
    """How far a unit in the arrays that the code holds moves the leaf."""
    given, name = variants.given(finding.regime), LeafName(finding.leaf)
    lifted, nudged = (cache.result(side, "float64", mode, given).leaf(name) for mode in ("eager", NUDGED))
    if lifted is None or nudged is None or lifted.shape != nudged.shape or lifted.dtype != nudged.dtype:
        return 0.0
    error = compare(nudged, lifted).error
    return error if math.isfinite(error) else 0.0


def _apart(cache: RunCache, name: LeafName, side: str, variant: InputVariant) -> float:
    lifted, written = (cache.result(side, "float64", mode, variant).leaf(name) for mode in ("eager", AS_WRITTEN))
    if written is None or lifted is None or written.shape != lifted.shape:
        return math.inf
    return compare(written.astype(lifted.dtype), lifted).error
