"""The search: hypotheses about one program, tried one by one against the other side's values."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from parity.causes.context import Context
from parity.causes.goal import Goal
from parity.causes.hypothesis import Hypothesis, ScalarEdit
from parity.causes.solve import nice, solve
from parity.data.dtypes import as_float64
from parity.data.leaf import LeafName
from parity.judge.tolerances import CAUSE_EXACT, CAUSE_FLOOR
from parity.programs.interpreter import Interpreter, as_numpy
from parity.programs.program import Edit

FEW = 16  # elements: with fewer, some number would fit anywhere, so gradients are fitted too
# What an edit raises that does not fit its place.
_UNFIT = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


class OutOfTime(Exception):
    """The budget is spent."""


@dataclass(frozen=True)
class Explanation:
    """A hypothesis that holds.

    Attributes:
        side: whose program was edited.
        leaves: what it explains.
        before, after: the largest error of these leaves without and with the edit.
    """

    hypothesis: Hypothesis
    side: str
    leaves: tuple[str, ...]
    before: float
    after: float


@dataclass
class Search:
    """Tries hypotheses about the program of one side.

    Attributes:
        interpreter: the program on the given inputs.
        goal: the other side's leaves on them.
        again: the same on other inputs: a hypothesis has to hold on both.
        deadline: when it raises `OutOfTime`, by `time.monotonic`.
        explanations: the hypotheses that held.
    """

    interpreter: Interpreter
    goal: Goal
    context: Context
    deadline: float
    again: tuple[Interpreter, Goal]
    explanations: list[Explanation] = field(default_factory=list)

    @property
    def side(self) -> str:
        """The side whose program is edited."""
        return self.interpreter.program.side

    @cached_property
    def fits_gradients(self) -> bool:
        """Too few outputs differ to rule out a coincidence: gradients are compared at once as well."""
        return sum(self.goal.leaves[n].size for n in self.goal.failing if not LeafName(n).is_gradient) < FEW

    @cached_property
    def names(self) -> list[str]:
        """The leaves that are compared first, agreeing ones too: a number must not explain one leaf and break another."""
        if all(LeafName(name).is_gradient for name in self.goal.failing):
            return list(self.goal.failing)
        return [name for name in self.goal.leaves if self.fits_gradients or not LeafName(name).is_gradient]

    def _run(self, edit: Edit) -> Mapping[str, Any] | None:
        """The leaves with the edit; None if it does not fit."""
        if time.monotonic() > self.deadline:
            raise OutOfTime
        try:
            return self.interpreter.leaves(edit) if self.fits_gradients else self.interpreter.outputs(edit)
        except _UNFIT:
            return None

    def residual(self, edit: Edit) -> np.ndarray | None:
        """Scaled differences of all elements, flat, in float64; None if the edit does not fit or they are not finite."""
        leaves = self._run(edit)
        if leaves is None:
            return None
        differences = []
        for name in self.names:
            actual, expected = as_numpy(leaves[name]), self.goal.leaves[name]
            if actual.shape != expected.shape or np.iscomplexobj(actual) != np.iscomplexobj(expected):
                return None
            with np.errstate(all="ignore"):
                difference = np.asarray((as_float64(actual) - as_float64(expected)) / _scale(expected))
            differences.append(difference.ravel().view(np.float64))  # both parts of a complex number
        residual = np.concatenate(differences)
        return residual if np.isfinite(residual).all() else None

    def explains(self, edit: Edit) -> bool:
        """The first look: some failing leaf agrees on the given inputs."""
        leaves = self._run(edit)
        return leaves is not None and any(
            self.goal.error({name: as_numpy(leaves[name])}, name) <= CAUSE_FLOOR
            for name in self.names
            if name in self.goal.failing
        )

    def try_all(self, hypotheses: Iterable[Hypothesis]) -> None:
        """Keeps those that hold."""
        for hypothesis in hypotheses:
            if self.explains(hypothesis.edit):
                self.keep(hypothesis)

    def keep(self, hypothesis: Hypothesis) -> bool:
        """Keeps the hypothesis if it holds for all leaves, gradients too, and on other inputs."""
        interpreter, goal = self.again
        try:
            leaves = self.interpreter.leaves(hypothesis.edit)
            explained = self.goal.explained(leaves)
            if explained:
                confirmed = goal.explained(interpreter.leaves(hypothesis.edit))
                explained = tuple(name for name in explained if name in confirmed)
        except _UNFIT:
            return False
        if not explained:
            return False
        before = max(self.goal.before[name] for name in explained)
        after = max(self.goal.error(leaves, name) for name in explained)
        self.explanations.append(Explanation(hypothesis, self.side, explained, before, after))
        return True

    def solve_all(self, edits: Iterable[ScalarEdit]) -> None:
        """Keeps those that hold with some number, which is rounded to few digits where that holds too."""
        base = self.residual(Edit())
        if base is None or not self.names:
            return
        for edit in edits:
            value = self._solved(edit, base)
            if value is not None:
                rounded = nice(value)
                if not (rounded != value and self.keep(edit.describe(rounded))):
                    self.keep(edit.describe(value))

    def _solved(self, edit: ScalarEdit, base: np.ndarray) -> float | None:
        def residual(value: float) -> np.ndarray | None:
            return self.residual(edit.make(value))

        for guess in edit.guesses:
            if self.explains(edit.make(guess)):
                return guess
        at_start = base if edit.is_neutral else residual(edit.start)
        return None if at_start is None else solve(residual, edit.start, at_start, CAUSE_FLOOR)


def _scale(leaf: np.ndarray) -> float:
    return float(np.abs(as_float64(leaf)).max()) or 1.0 if leaf.size else 1.0


def ranked(explanations: Iterable[Explanation]) -> list[Explanation]:
    """Most convincing first: what explains most leaves, what leaves rounding alone, what is most specific, what changes least."""
    return sorted(
        explanations,
        key=lambda e: (-len(e.leaves), e.after > CAUSE_EXACT, e.hypothesis.rank, len(e.hypothesis.edit.touched)),
    )
