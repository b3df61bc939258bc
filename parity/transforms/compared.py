"""Two values of one cell, each a tree of arrays by name, judged by the ladder of `parity.check`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from parity.data.arguments import Arguments, parse
from parity.data.input_variant import GIVEN, InputVariant
from parity.data.leaf import Kind, LeafName
from parity.execution.result import Problem, Result
from parity.execution.run_cache import RunCache
from parity.execution.runner import Runner
from parity.judge import ladder
from parity.judge.finding import Finding, Verdict
from parity.judge.rungs.leaf import Leaf
from parity.judge.structure import comparable
from parity.judge.tolerances import FLOAT64_EQUAL

Arrays = Mapping[str, np.ndarray]
FLOAT64, EAGER = "float64", "eager"
NO_ARGUMENTS = parse({}, (), ())
NOTHING = Finding("out", FLOAT64, EAGER, Verdict.VACUOUS, message="all zero or empty: nothing could have differed")


@dataclass(frozen=True)
class ValueRunner:
    """Gives a value that is there, and other runs by `again`, which the ladder asks for where two values differ.

    Attributes:
        value: on the given inputs in float64.
        again: (inputs by name, dtype) → the value there; None if it cannot be run again.
    """

    value: Arrays
    again: Callable[[Arrays, str], Result] | None = None
    function: Any = field(default=None)

    def run(self, variant: InputVariant, inputs: Arrays, dtype: str, mode: str) -> Result:
        """The run on these inputs."""
        if variant == GIVEN and dtype == FLOAT64:
            return as_result(self.value)
        if self.again is None:
            return Result(problems=(Problem("out", "the value cannot be computed again"),))
        return self.again(inputs, dtype)


def as_result(value: Arrays) -> Result:
    """A tree of arrays as the result of a run."""
    gradients = {name: array for name, array in value.items() if LeafName(name).is_gradient}
    return Result({name: array for name, array in value.items() if name not in gradients}, gradients)


def compared(actual: Arrays, expected: Arrays, what: str = "", *, every_leaf: bool = False) -> Finding:
    """`judged` for two values that cannot be computed again."""
    return judged({"actual": ValueRunner(actual), "expected": ValueRunner(expected)}, what=what, every_leaf=every_leaf)


def judged(
    runners: Mapping[str, Runner], arguments: Arguments = NO_ARGUMENTS, what: str = "", *, every_leaf: bool = False
) -> Finding:
    """The worst finding of the float64 rung; VACUOUS if no leaf could have differed.

    A leaf of zeros says nothing; so does one that is zero but for rounding: smaller than FLOAT64_EQUAL times the largest
    number of the tree on both sides. Whole numbers (counts, shapes) always say something.

    Args:
        what: what is compared; the message begins with it.
        every_leaf: VACUOUS too if a single leaf is all zero, and SEMANTIC if one holds NaN or Inf on both sides: for values
            that are known to have neither, where such a leaf would be a lost result.
    """
    cache = RunCache(runners, arguments)
    actual, expected = (cache.result(side, FLOAT64, EAGER) for side in cache.sides)
    leaves, structural = comparable(actual, expected, cache.sides, FLOAT64, EAGER)
    findings = [finding for finding in structural if not finding.verdict.passes]
    if not findings:
        values = {name: [np.asarray(result.leaf(name)) for result in (actual, expected)] for name in leaves}
        floating = [array for pair in values.values() for array in pair if array.dtype.kind in "fc" and array.size]
        largest = max((float(np.nanmax(np.abs(array), initial=0.0)) for array in floating), default=0.0)
        for name, pair in values.items():
            if every_leaf and not all(np.isfinite(array).all() for array in pair):
                message = "not all numbers are finite"
                findings.append(Finding(name, FLOAT64, EAGER, Verdict.SEMANTIC, error=float("inf"), message=message))
            elif _is_silent(pair, 0.0 if every_leaf else largest):
                findings += [replace(NOTHING, leaf=name)] * every_leaf
            else:
                leaf = Leaf(cache, name, FLOAT64, EAGER, GIVEN, tuple(leaves))
                findings.append(_with_nan(ladder.judge_numbers(leaf, second_look=False), pair))
    worst = max(findings, key=lambda finding: (finding.verdict.severity, _error(finding)), default=NOTHING)
    return replace(worst, message=_message(worst, what), error=_error(worst))


def _is_silent(pair: list[np.ndarray], largest: float) -> bool:
    """Could these two not have differed?"""
    if pair[0].dtype.kind not in "fc":
        return False
    if not pair[0].size:
        return True
    finite = [np.abs(array[np.isfinite(array)]).max(initial=0.0) for array in pair]
    return bool(max(finite) <= FLOAT64_EQUAL * largest and all(np.isfinite(array).all() for array in pair))


def _with_nan(finding: Finding, pair: list[np.ndarray]) -> Finding:
    """Equal NaN are no pass of a cell: the transformed function is known to give numbers."""
    count = int(np.isnan(pair[0]).sum()) if pair[0].dtype.kind in "fc" else 0
    if not count or not finding.verdict.passes:
        return finding
    return replace(finding, verdict=Verdict.VACUOUS, message=f"{count} of {pair[0].size} NaN on both sides")


def _error(finding: Finding) -> float:
    """Infinite where two trees have another structure, 0 where nothing was compared."""
    if finding.verdict is Verdict.STRUCTURE:
        return float("inf")
    return finding.error if finding.error == finding.error else 0.0


def _message(finding: Finding, what: str) -> str:
    is_told = finding.verdict is not Verdict.EXACT and finding.leaf not in ("", Kind.OUTPUT, Kind.GRADIENT)
    place = f"{finding.leaf}: " if is_told else ""
    values = ""
    if finding.index is not None and not finding.verdict.passes:
        values = f": {finding.actual} against {finding.expected} at {list(finding.index)}"
    return f"{what}: {place}{finding.message}{values}" if what else f"{place}{finding.message}{values}"
