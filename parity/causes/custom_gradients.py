"""Gradients that are not the derivative of the function's own operations: custom rules, and stops that leave no trace."""

from __future__ import annotations

from collections.abc import Iterator

from parity.causes.context import Context
from parity.causes.edits.gradients import stopped
from parity.causes.goal import FLOOR, Target, leaf_error
from parity.causes.tracing import leaves_of
from parity.data.inputs import cotangent
from parity.execution.run_cache import GIVEN, RunCache
from parity.judge.finding import Cause
from parity.programs.interpreter import Interpreter
from parity.programs.program import Program


def custom(program: Program, evidence: RunCache, target: Target) -> Iterator[tuple[Cause, tuple[str, ...]]]:
    """A side whose operations, differentiated, give the other side's gradients, which its own gradients are not."""
    own = leaves_of(evidence, program.side)
    interpreter = Interpreter(program, evidence.inputs(GIVEN), cotangent, evidence.arguments.wrt)
    derived = interpreter.leaves()
    if any(leaf_error(derived[n], own[n]) > FLOOR for n in program.outputs if n in own and n in derived):
        return
    unlike = [
        n for n in target.failing if n.startswith("grad/") and n in derived and leaf_error(derived[n], own[n]) > FLOOR
    ]
    healed = tuple(n for n in target.healed({n: derived[n] for n in target.leaves if n in derived}) if n in unlike)
    if not healed:
        return
    before, after = max(target.before[n] for n in healed), max(leaf_error(derived[n], target.leaves[n]) for n in healed)
    place = f" (custom rule of {', '.join(program.rules)})" if program.rules else ""
    words = (
        f"{program.side}: its gradients are not the derivative of its own operations{place}; "
        f"that derivative is what the other side returns: error of {', '.join(healed)} {before:.2g} → {after:.2g}"
    )
    for candidate in stopped(Context(program, ())):
        leaves = interpreter.leaves(candidate.edit)
        if all(leaf_error(leaves[n], own[n]) <= FLOOR for n in unlike):
            yield Cause("stopped gradient", f"{words}; it is the derivative with {candidate.words}"), healed
            return
    yield Cause("wrong gradient rule", words), healed
