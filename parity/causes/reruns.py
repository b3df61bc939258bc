"""Causes seen by running the functions again on changed inputs, without their programs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from parity.causes.goal import Goal, leaf_error
from parity.causes.hypothesis import Claim
from parity.causes.tracing import program_of
from parity.data.arguments import Arguments
from parity.data.input_variant import GIVEN
from parity.data.inputs import normal_like
from parity.data.leaf import LeafName
from parity.execution.run_cache import RunCache
from parity.execution.runner import run
from parity.judge.finding import Cause
from parity.judge.tolerances import CAUSE_FLOOR, CAUSE_TIE_MOVE
from parity.programs.program import Program
from parity.sides import SIDES

MANY_STEPS = 10**6  # 0.999**1e6 is 0 in float64: nothing is left to correct
PATIENCE_S = 5.0  # of one extra run


def whole_numbers(cache: RunCache) -> dict[str, int]:
    """The Python ints among the arguments, by name."""
    pairs = zip(cache.arguments.names, cache.arguments.leaves, strict=True)
    return {name: leaf for name, leaf in pairs if isinstance(leaf, int) and not isinstance(leaf, bool)}


def counters(
    cache: RunCache, goals: Mapping[str, Goal], programs: Mapping[str, Program], deadline: float
) -> Iterator[Claim]:
    """A step number that one side takes for one more or one less, or does not use."""
    for name, value in whole_numbers(cache).items():
        for side, goal in goals.items():
            if side not in programs or not _is_counter(cache, programs[side], name, value, deadline):
                continue
            for changed in (value + 1, value - 1, *((MANY_STEPS,) if value * 100 < MANY_STEPS else ())):
                leaves = _run(cache, side, _changed(cache, name, changed), cache.inputs(GIVEN))
                explained = goal.explained(leaves) if goal.leaves.keys() <= leaves.keys() else ()
                if explained:
                    before = max(goal.before[n] for n in explained)
                    after = max(goal.error(leaves, n) for n in explained)
                    evidence = (
                        f"{side} with {name} = {changed} gives what the other side gives with {value}: "
                        f"error {before:.2g} → {after:.2g}"
                    )
                    cause = "bias correction" if changed == MANY_STEPS else "shifted index"
                    yield Claim(Cause(cause, evidence), explained, 4.0)
                    if time.monotonic() > deadline:
                        return


def _is_counter(cache: RunCache, program: Program, name: str, value: int, deadline: float) -> bool:
    """One more of it changes numbers alone: neither how many operations there are, nor a shape."""
    counted = program_of(cache, program.side, deadline, _changed(cache, name, value + 1))
    if counted is None or len(counted.nodes) != len(program.nodes):
        return False
    pairs = list(zip(program.nodes, counted.nodes, strict=True))
    return all(one.op == two.op and one.shape == two.shape for one, two in pairs) and any(
        one.args != two.args for one, two in pairs if one.op != "constant"
    )


def _changed(cache: RunCache, name: str, value: int) -> Arguments:
    arguments = cache.arguments
    pairs = zip(arguments.names, arguments.leaves, strict=True)
    return replace(arguments, leaves=tuple(value if n == name else leaf for n, leaf in pairs))


def _run(cache: RunCache, side: str, arguments: Arguments, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The leaves of one more run; none if it failed."""
    limit = min(cache.timeout_s, PATIENCE_S)
    function = cache.function(side)
    result = run(function, arguments, arrays, backend=side, dtype="float64", mode="eager", timeout_s=limit)
    return {} if result.problems else {**result.outputs, **result.gradients}


def ties(cache: RunCache, failing: tuple[str, ...]) -> Iterator[Claim]:
    """Gradients that differ at the given inputs and agree when all of them are moved a little: kinks."""
    if not all(LeafName(name).is_gradient for name in failing):
        return
    moved = {name: _moved(name, array) for name, array in cache.inputs(GIVEN).items()}
    pair = [_run(cache, side, cache.arguments, moved) for side in SIDES]
    if any(name not in leaves for name in failing for leaves in pair):
        return
    worst = max(leaf_error(*(leaves[name] for leaves in pair)) for name in failing)
    if worst <= CAUSE_FLOOR:
        evidence = (
            f"the gradients agree ({worst:.2g}) once every input moves by a millionth: they differ on ties or bounds"
        )
        yield Claim(Cause("tie rule", evidence), failing, 0.0)


def _moved(name: str, array: np.ndarray) -> np.ndarray:
    """Not in proportion: a tie at zero has to go too."""
    if array.dtype.kind not in "fc":
        return array
    size = CAUSE_TIE_MOVE * (float(np.abs(array).max(initial=0.0)) or 1.0)
    return array + size * normal_like(array, 1, f"nudge/{name}")
