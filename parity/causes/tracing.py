"""What a search starts from: each side's program, if it can be traced and is faithful, and the other side's leaves."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from parity.causes import precision
from parity.causes.context import Context
from parity.causes.goal import Goal, leaf_error
from parity.causes.search import OutOfTime, Search
from parity.data.arguments import Arguments
from parity.data.input_variant import GIVEN, InputVariant
from parity.execution.limits import TimeLimitExceeded, time_limit
from parity.execution.run_cache import RunCache
from parity.judge import variants
from parity.judge.tolerances import CAUSE_FAITHFUL
from parity.programs import trace_jax, trace_torch
from parity.programs.interpreter import Interpreter
from parity.programs.program import Program
from parity.sides import JAX, TORCH, other

AGAIN = variants.again()
LARGEST = 1 << 24  # elements of all inputs together: beyond it a single run takes too much of the budget
_TRACERS = {JAX: trace_jax.trace, TORCH: trace_torch.trace}


def leaves_of(cache: RunCache, side: str, variant: InputVariant = GIVEN) -> dict[str, np.ndarray]:
    """What one side gave in float64."""
    result = cache.result(side, "float64", "eager", variant)
    leaves = {**result.outputs, **result.gradients}
    return {n: x for n, x in leaves.items() if isinstance(x, np.ndarray) and x.dtype.kind in "fiubc"}


def goal_of(cache: RunCache, side: str, failing: Sequence[str], variant: InputVariant = GIVEN) -> Goal:
    """The leaves that `side` should have: those of the other side."""
    own, expected = leaves_of(cache, side, variant), leaves_of(cache, other(side), variant)
    before = {name: leaf_error(own[name], expected[name]) for name in own if name in expected}
    return Goal({name: expected[name] for name in before}, before, tuple(n for n in failing if n in before))


def program_of(cache: RunCache, side: str, deadline: float, arguments: Arguments | None = None) -> Program | None:
    """The side's program, with other arguments if these are given; None if it cannot be traced."""
    bound, arrays = arguments or cache.arguments, cache.inputs(GIVEN)
    remaining = deadline - time.monotonic()
    if remaining <= 0 or sum(a.size for a in arrays.values()) > LARGEST:
        return None
    copies = {name: array.copy() for name, array in arrays.items()}
    try:
        with time_limit(min(cache.timeout_s, remaining)):
            program = _TRACERS[side](cache.function(side), lambda f, x: bound.call(f, bound.tree(x)), copies)
            return precision.raised(program) if cache.pinned.is_lifted else program
    except (Exception, SystemExit, TimeLimitExceeded):
        return None  # the caller's function, or an operation without a translation: no program, no claim


def interpreter_of(cache: RunCache, program: Program, variant: InputVariant = GIVEN) -> Interpreter:
    """The program on the inputs of a check."""
    return Interpreter(program, cache.inputs(variant), cache.arguments.wrt)


def search_of(
    cache: RunCache, program: Program, at: InputVariant, goal: Goal, steps: tuple[int, ...], deadline: float
) -> Search | None:
    """A search on the leaves for which the program is faithful; None if no failing leaf is among them.

    Args:
        at: the inputs that `goal` is of.
    """
    if time.monotonic() > deadline:
        raise OutOfTime
    interpreter = interpreter_of(cache, program, at)
    own, traced = leaves_of(cache, program.side, at), interpreter.leaves()
    rounds = precision.has_low(program)  # the order of rounded sums differs, so that such a program is never exact
    trusted = [n for n in goal.leaves if n in traced and (rounds or leaf_error(traced[n], own[n]) <= CAUSE_FAITHFUL)]
    if not any(name in goal.failing for name in trusted):
        return None
    other_inputs = variants.again(2) if at == AGAIN else AGAIN
    confirmed = goal_of(cache, program.side, goal.failing, other_inputs).only(trusted)
    again = interpreter_of(cache, program, other_inputs), confirmed
    return Search(interpreter, goal.only(trusted), Context(program, steps), deadline, again)
