"""Causes seen by running the functions themselves on changed inputs, without their programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from parity.causes.goal import FLOOR, Target, leaf_error
from parity.causes.tracing import program_of
from parity.data.arguments import Arguments
from parity.data.inputs import normal
from parity.execution.run_cache import GIVEN, RunCache
from parity.execution.runner import run
from parity.judge.finding import Cause
from parity.programs.program import Node, Program
from parity.sides import SIDES

MANY_STEPS = 10**6  # 0.999**1e6 is 0 in float64: nothing is left to correct
_NUDGE = 2.0**-20
PATIENCE_S = 5.0  # of one extra run
Found = tuple[Cause, tuple[str, ...]]


def whole_numbers(evidence: RunCache) -> dict[str, int]:
    pairs = zip(evidence.arguments.names, evidence.arguments.leaves, strict=True)
    return {name: leaf for name, leaf in pairs if isinstance(leaf, int) and not isinstance(leaf, bool)}


def counters(
    evidence: RunCache, targets: Mapping[str, Target], programs: Mapping[str, Program], deadline: float
) -> Iterator[Found]:
    """A step number that one side takes for one more or one less, or does not use."""
    for name, value in whole_numbers(evidence).items():
        for side, target in targets.items():
            if side not in programs or not _is_counter(evidence, programs[side], name, value, deadline):
                continue
            for changed in (value + 1, value - 1, *((MANY_STEPS,) if value * 100 < MANY_STEPS else ())):
                found = _run(evidence, side, _changed(evidence, name, changed), evidence.inputs(GIVEN))
                healed = target.healed(found) if target.leaves.keys() <= found.keys() else ()
                if healed:
                    before = max(target.before[n] for n in healed)
                    after = max(leaf_error(found[n], target.leaves[n]) for n in healed)
                    words = (
                        f"{side} with {name} = {changed} gives what the other side gives with {value}: "
                        f"error {before:.2g} → {after:.2g}"
                    )
                    yield Cause("bias correction" if changed == MANY_STEPS else "shifted index", words), healed


def _is_counter(evidence: RunCache, program: Program, name: str, value: int, deadline: float) -> bool:
    """One more of it changes numbers alone: neither how many operations there are, nor a shape."""
    other = program_of(evidence, program.side, deadline, _changed(evidence, name, value + 1))
    if other is None or len(other.nodes) != len(program.nodes):
        return False
    same = [one.op == two.op and one.shape == two.shape for one, two in zip(program.nodes, other.nodes, strict=True)]
    return all(same) and any(
        one.args != two.args
        for one, two in zip(program.nodes, other.nodes, strict=True)
        if _has_no_array(one) and _has_no_array(two)
    )


def _has_no_array(node: Node) -> bool:
    return node.op != "constant"


def _changed(evidence: RunCache, name: str, value: int) -> Arguments:
    arguments = evidence.arguments
    pairs = zip(arguments.names, arguments.leaves, strict=True)
    return replace(arguments, leaves=tuple(value if n == name else leaf for n, leaf in pairs))


def _run(evidence: RunCache, side: str, arguments: Arguments, values: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The leaves of one more run; none if it failed."""
    limit = min(evidence.timeout_s, PATIENCE_S)
    function = evidence.functions[side]
    result = run(function, arguments, values, backend=side, dtype="float64", mode="eager", timeout_s=limit)
    return {} if result.problems else {**result.outputs, **result.gradients}


def ties(evidence: RunCache, failing: tuple[str, ...]) -> Iterator[Found]:
    """Gradients that differ at the given inputs and agree when all of them are moved a little: kinks."""
    if not all(name.startswith("grad/") for name in failing):
        return
    moved = {name: _moved(name, array) for name, array in evidence.inputs(GIVEN).items()}
    pair = [_run(evidence, side, evidence.arguments, moved) for side in SIDES]
    if any(name not in leaves for name in failing for leaves in pair):
        return
    worst = max(leaf_error(*(leaves[name] for leaves in pair)) for name in failing)
    if worst <= FLOOR:
        words = (
            f"the gradients agree ({worst:.2g}) once every input is moved by a millionth: they differ on ties or bounds"
        )
        yield Cause("tie rule", words), failing


def _moved(name: str, array: np.ndarray) -> np.ndarray:
    """Not in proportion: a tie at zero has to go too."""
    if array.dtype.kind != "f":
        return array
    return array + _NUDGE * (float(np.abs(array).max(initial=0.0)) or 1.0) * normal(array.shape, 1, f"nudge/{name}")
