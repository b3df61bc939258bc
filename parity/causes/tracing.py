"""What a search starts from: each side's program, if it can be had and is faithful, and the other side's leaves."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from parity.causes import precision
from parity.causes.context import Context
from parity.causes.search import OutOfTime, Search
from parity.causes.goal import Target, leaf_error
from parity.data.arguments import Arguments
from parity.data.inputs import cotangent
from parity.execution.limits import TimeLimitExceeded, time_limit
from parity.execution.run_cache import GIVEN, InputVariant, RunCache
from parity.programs import from_jax, from_torch
from parity.programs.interpreter import Interpreter
from parity.programs.program import Program
from parity.sides import SIDES

AGAIN = InputVariant(jitter=1, size=2.0**-3)
FAITHFUL = 1e-11  # a program stands for a function only if it gives what the function gives
LARGEST = 1 << 24  # elements of all inputs together: beyond it a single run takes too much of the budget
_TRACERS = {"jax": from_jax.trace, "torch": from_torch.trace}


def leaves_of(evidence: RunCache, side: str, values: InputVariant = GIVEN) -> dict[str, np.ndarray]:
    """What one side gave in float64, without complex leaves."""
    result = evidence.result(side, "float64", "eager", values)
    everything = {**result.outputs, **result.gradients}
    return {n: x for n, x in everything.items() if isinstance(x, np.ndarray) and x.dtype.kind in "fiub"}


def target_of(evidence: RunCache, side: str, failing: Sequence[str], values: InputVariant = GIVEN) -> Target:
    """The other side's leaves."""
    own, other = leaves_of(evidence, side, values), leaves_of(evidence, SIDES[1 - SIDES.index(side)], values)
    before = {name: leaf_error(own[name], other[name]) for name in own if name in other}
    return Target({name: other[name] for name in before}, before, tuple(n for n in failing if n in before))


def program_of(evidence: RunCache, side: str, deadline: float, arguments: Arguments | None = None) -> Program | None:
    """The side's program, with other arguments if these are given; None if it cannot be traced."""
    bound, arrays = arguments or evidence.arguments, evidence.inputs(GIVEN)
    remaining = deadline - time.monotonic()
    if (
        remaining <= 0
        or any(a.dtype.kind == "c" for a in arrays.values())
        or sum(a.size for a in arrays.values()) > LARGEST
    ):
        return None
    copies = {name: array.copy() for name, array in arrays.items()}
    try:
        with time_limit(min(evidence.timeout_s, remaining)):
            return _TRACERS[side](evidence.functions[side], lambda f, x: bound.call(f, bound.tree(x)), copies)
    except (Exception, SystemExit, TimeLimitExceeded):
        return None  # the caller's function, or an operation without a translation: no program, no claim


def search_of(
    evidence: RunCache, program: Program, target: Target, steps: tuple[int, ...], deadline: float
) -> Search | None:
    """A search on the leaves for which the program is faithful; None if no failing leaf is among them."""
    if time.monotonic() > deadline:
        raise OutOfTime
    interpreter = Interpreter(program, evidence.inputs(GIVEN), cotangent, evidence.arguments.wrt)
    own, found = leaves_of(evidence, program.side), interpreter.leaves()
    context = Context(program, steps)
    rounds = precision.has_low(program)  # the order of rounded sums differs, so that such a program is never exact
    trusted = [n for n in target.leaves if n in found and (rounds or leaf_error(found[n], own[n]) <= FAITHFUL)]
    if not any(name in target.failing for name in trusted):
        return None
    again = target_of(evidence, program.side, target.failing, AGAIN)
    other_inputs = Interpreter(program, evidence.inputs(AGAIN), cotangent, evidence.arguments.wrt)
    return Search(interpreter, target.only(trusted), context, deadline, (other_inputs, again.only(trusted)))
