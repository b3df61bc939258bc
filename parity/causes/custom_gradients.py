"""Gradients that are not the derivative of the function's own operations: custom rules, and stops that leave no trace."""

from __future__ import annotations

from collections.abc import Iterator

from parity.causes.context import Context
from parity.causes.edits.gradients import stopped
from parity.causes.edits.rows import paddings
from parity.causes.goal import Goal, leaf_error
from parity.causes.hypothesis import Claim
from parity.causes.tracing import interpreter_of, leaves_of
from parity.data.leaf import LeafName
from parity.execution.run_cache import RunCache
from parity.judge.finding import Cause
from parity.judge.tolerances import CAUSE_FLOOR
from parity.programs.program import Program


def custom(program: Program, cache: RunCache, goal: Goal) -> Iterator[Claim]:
    """A side whose operations, differentiated, give the other side's gradients, which its own gradients are not."""
    own = leaves_of(cache, program.side)
    interpreter = interpreter_of(cache, program)
    derived = interpreter.leaves()
    unlike = [n for n in derived if n in own and leaf_error(derived[n], own[n]) > CAUSE_FLOOR]
    if any(n in program.outputs for n in unlike):
        return
    unlike = [n for n in goal.failing if n in unlike and LeafName(n).is_gradient]
    explained = tuple(n for n in goal.explained(derived) if n in unlike)
    if not explained:
        return
    before, after = max(goal.before[n] for n in explained), max(goal.error(derived, n) for n in explained)
    place = f" (custom rule of {', '.join(program.rules)})" if program.rules else ""
    evidence = (
        f"{program.side}: its gradients are not the derivative of its own operations{place}; "
        f"the other side returns that derivative: error of {', '.join(explained)} {before:.2g} → {after:.2g}"
    )
    for hypothesis in paddings(Context(program, ()), interpreter):
        leaves = interpreter.leaves(hypothesis.edit)
        if all(leaf_error(leaves[n], own[n]) <= CAUSE_FLOOR for n in unlike):
            yield Claim(Cause("padding_idx", f"{program.side}: {hypothesis.change}; {evidence}"), explained, 0.5)
            return
    for hypothesis in stopped(Context(program, ())):
        leaves = interpreter.leaves(hypothesis.edit)
        if all(leaf_error(leaves[n], own[n]) <= CAUSE_FLOOR for n in unlike):
            evidence += f"; they are the derivative with {hypothesis.change}"
            yield Claim(Cause("stopped gradient", evidence), explained, 1.0)
            return
    yield Claim(Cause("wrong gradient rule", evidence), explained, 1.0)
