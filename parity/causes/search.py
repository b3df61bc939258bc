"""The search: hypotheses of both programs, tried one by one against the other side's values."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from parity.causes.hypothesis import Hypothesis, ScalarEdit
from parity.causes.context import Context
from parity.causes.solve import nice, solve
from parity.causes.goal import FLOOR, Target
from parity.programs.interpreter import Interpreter, as_numpy
from parity.programs.program import Edit

FEW = 16  # elements: with fewer, any knob could be turned to fit, so gradients are fitted too


class OutOfTime(Exception):
    """The budget is spent."""


@dataclass(frozen=True)
class Explanation:
    """A candidate that mended something."""

    candidate: Hypothesis
    side: str
    healed: tuple[str, ...]
    before: float
    after: float


@dataclass
class Search:
    """Tries hypotheses of one side.

    Attributes:
        interpreter: this side's program on the given inputs.
        target: the other side's leaves.
        again: the same on other inputs, to see that a candidate is more than a coincidence.
    """

    interpreter: Interpreter
    target: Target
    context: Context
    deadline: float
    again: tuple[Interpreter, Target] | None = None
    found: list[Explanation] = field(default_factory=list)
    tried: int = 0

    def __post_init__(self) -> None:
        self.failing_outputs = [n for n in self.target.failing if not n.startswith("grad/")]
        elements = sum(self.target.leaves[n].size for n in self.failing_outputs)
        self.whole = elements < FEW  # the gradients are part of the first look
        # What is close has to stay so: a number must not mend one leaf and break another.
        outputs = [n for n in self.target.leaves if not n.startswith("grad/")]
        self.names = (
            list(self.target.failing)
            if not self.failing_outputs
            else list(self.target.leaves)
            if self.whole
            else outputs
        )
        self.scales = {n: _scale(self.target.leaves[n]) for n in self.names}

    @property
    def side(self) -> str:
        return self.interpreter.program.side

    def _look(self, edit: Edit) -> Mapping[str, Any] | None:
        if time.monotonic() > self.deadline:
            raise OutOfTime
        self.tried += 1
        try:
            return self.interpreter.leaves(edit) if self.whole else self.interpreter.outputs(edit)
        except (
            RuntimeError,
            ValueError,
            TypeError,
            IndexError,
            KeyError,
            AttributeError,
            NotImplementedError,
            AssertionError,
            ZeroDivisionError,
            OverflowError,
        ):
            return None  # an edit that does not fit its place

    def residual(self, edit: Edit) -> np.ndarray | None:
        leaves = self._look(edit)
        if leaves is None:
            return None
        parts = []
        for name in self.names:
            actual, expected = as_numpy(leaves[name]), self.target.leaves[name]
            if actual.shape != expected.shape:
                return None
            with np.errstate(all="ignore"):
                parts.append(((actual - expected) / self.scales[name]).ravel())
        found = np.concatenate(parts).astype(np.float64)
        return found if np.isfinite(found).all() else None

    def heals(self, edit: Edit) -> bool:
        leaves = self._look(edit)
        if leaves is None:
            return False
        return any(
            self.target.error({n: as_numpy(leaves[n])}, [n]) <= FLOOR for n in self.names if n in self.target.failing
        )

    def try_all(self, hypotheses: Iterable[Hypothesis]) -> None:
        for candidate in hypotheses:
            if self.heals(candidate.edit):
                self.keep(candidate)

    def keep(self, candidate: Hypothesis) -> bool:
        """Looks at all leaves, then at other inputs."""
        try:
            leaves = self.interpreter.leaves(candidate.edit)
            healed = self.target.healed(leaves)
            if healed and self.again is not None:
                interpreter, target = self.again
                healed = tuple(name for name in target.healed(interpreter.leaves(candidate.edit)) if name in healed)
        except (RuntimeError, ValueError, TypeError, IndexError, KeyError):
            return False
        if not healed:
            return False
        before = max(self.target.before[name] for name in healed)
        after = max(self.target.error(leaves, [name]) for name in healed)
        self.found.append(Explanation(candidate, self.interpreter.program.side, healed, before, after))
        return True

    def turn(self, knobs: Iterable[ScalarEdit]) -> None:
        base = self.residual(Edit())
        if base is None or not self.names:
            return
        for knob in knobs:
            value = self._setting(knob, base)
            if value is not None:
                rounded = nice(value)
                if not (rounded != value and self.keep(knob.describe(rounded))):
                    self.keep(knob.describe(value))

    def _setting(self, knob: ScalarEdit, base: np.ndarray) -> float | None:
        def residual(value: float) -> np.ndarray | None:
            return self.residual(knob.make(value))

        for guess in knob.guesses:
            if self.heals(knob.make(guess)):
                return guess
        if not knob.is_neutral:
            at_start = residual(knob.start)
            return None if at_start is None else solve(residual, knob.start, at_start, FLOOR)
        return solve(residual, knob.start, base, FLOOR)


def _scale(leaf: np.ndarray) -> float:
    return float(np.abs(leaf.astype(np.float64)).max()) or 1.0 if leaf.size else 1.0


def ranked(found: Iterable[Explanation]) -> list[Explanation]:
    """Most convincing first: what heals most leaves, then what is most specific, then what changes least."""
    return sorted(found, key=lambda e: (-len(e.healed), e.candidate.rank, len(e.candidate.edit.touched)))
