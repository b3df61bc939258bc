"""What one side gave in one run: NumPy arrays by name, or the problems that came instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from parity.data.leaf import LeafName
from parity.execution import places
from parity.execution.limits import TimeLimitExceeded


@dataclass(frozen=True)
class Problem:
    """A run that gave no value.

    Attributes:
        leaf: `out` when the call failed, `grad` when only its gradient did.
        text: kind and message of the exception.
        place: file and line where it was raised, empty if unknown.
        is_timeout: the side took too long.
        is_undecided: no fault of the function: the framework cannot give what the other one gives.
    """

    leaf: str
    text: str
    place: str = ""
    is_timeout: bool = False
    is_undecided: bool = False

    @classmethod
    def of(cls, error: BaseException, leaf: str) -> Problem:
        """The exception in one line, and the place in the caller's own code that raised it."""
        lines = [line for line in str(error).splitlines() if line.strip()] or [""]
        # A compiler that passes an error on names itself in the first line, and the error in the next.
        words = " ".join(line.strip() for line in lines[: 2 if lines[0].endswith(":") else 1])
        text = f"{type(error).__name__}: {words}"
        return cls(leaf, text, places.raised(error), isinstance(error, TimeLimitExceeded))

    @property
    def words(self) -> str:
        """The text, with the place where it is known."""
        return self.text + (f" at {self.place}" if self.place else "")


@dataclass(frozen=True)
class Result:
    """One side's run.

    Attributes:
        outputs: leaf name (`out`, `out/loss`) → array, or an object that is no array (None, a string).
        gradients: leaf name (`grad/query`) → array, aligned (`parity.execution.conventions`).
        problems: what went wrong; empty for a run that worked.
        written: names of the inputs that the function wrote into.
        inner: the place at which it differentiates inside, as a training step does; empty if it does not.
        held: why its gradients are therefore not those of the whole function; empty if they are.
        signs: output leaf → what its vectors were multiplied by, where it is defined up to that.
    """

    outputs: Mapping[str, Any] = field(default_factory=dict)
    gradients: Mapping[str, np.ndarray] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    written: tuple[str, ...] = ()
    inner: str = ""
    held: str = ""
    signs: Mapping[str, np.ndarray] = field(default_factory=dict)

    def leaf(self, name: str) -> Any:
        """The value of this leaf; None if the run has none."""
        return self.gradients.get(name) if LeafName(name).is_gradient else self.outputs.get(name)
