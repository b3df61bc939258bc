"""Causes seen by running the functions themselves on changed inputs, without their programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from parity.causes.target import FLOOR, Target, leaf_error
from parity.evidence import GIVEN, SIDES, Evidence, Values
from parity.finding import Cause
from parity.runner import run

MANY_STEPS = 10**6  # 0.999**1e6 is 0 in float64: nothing is left to correct
_NUDGE = Values(jitter=1, size=2.0**-20)


def whole_numbers(evidence: Evidence) -> dict[str, int]:
    pairs = zip(evidence.arguments.names, evidence.arguments.leaves, strict=True)
    return {name: leaf for name, leaf in pairs if isinstance(leaf, int) and not isinstance(leaf, bool)}


def counters(evidence: Evidence, targets: dict[str, Target]) -> Iterator[tuple[Cause, tuple[str, ...]]]:
    """A step number that one side takes for one more or one less, or does not use."""
    for name, value in whole_numbers(evidence).items():
        for side, target in targets.items():
            for changed in (value + 1, value - 1, MANY_STEPS):
                if changed == MANY_STEPS and value * 100 > MANY_STEPS:
                    continue
                leaves = tuple(
                    changed if n == name else leaf
                    for n, leaf in zip(evidence.arguments.names, evidence.arguments.leaves, strict=True)
                )
                result = run(evidence.functions[side], replace(evidence.arguments, leaves=leaves), evidence.inputs(GIVEN), backend=side, dtype="float64", mode="eager", timeout_s=evidence.timeout_s)  # fmt: skip
                found = {**result.outputs, **result.gradients}
                if result.problems or not target.leaves.keys() <= found.keys():
                    continue
                healed = target.healed({n: found[n] for n in target.leaves})
                if not healed:
                    continue
                before, after = (
                    max(errors)
                    for errors in (
                        [target.before[n] for n in healed],
                        [leaf_error(found[n], target.leaves[n]) for n in healed],
                    )
                )
                cause = "bias correction" if changed == MANY_STEPS else "shifted index"
                words = f"{side} with {name} = {changed} gives what the other side gives with {value}: error {before:.2g} → {after:.2g}"
                yield Cause(cause, words), healed


def ties(evidence: Evidence, failing: tuple[str, ...]) -> Iterator[tuple[Cause, tuple[str, ...]]]:
    """Gradients that differ at the given inputs and agree when all of them are moved a little: kinks."""
    if not all(name.startswith("grad/") for name in failing):
        return
    errors = {}
    for name in failing:
        pair = [evidence.result(side, "float64", "eager", _NUDGE).leaf(name) for side in SIDES]
        if any(value is None for value in pair):
            return
        errors[name] = leaf_error(*pair)
    if all(error <= FLOOR for error in errors.values()):
        words = f"the gradients agree ({max(errors.values()):.2g}) after every input moved by a millionth: they differ only on ties or at a bound"
        yield Cause("tie rule", words), failing
