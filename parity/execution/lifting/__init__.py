"""Lifted evaluation: the caller's own code with every floating step in float64, whatever precision the code asks for.

One module for each framework offers `lift`. What it gives is run as often as there are inputs. Private hooks of the frameworks
are used in `jax_requests` alone; `tests/execution/lifting/test_hooks.py` says when one is gone.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import numpy as np

from parity.data.inputs import normal
from parity.execution.backends import Call, Cotangent, Evaluation

SIGNS = 0  # seeds the directions in which held arrays are nudged
# Floating dtypes that are lifted → the bits of their precision.
LOW_DTYPES = {"float32": 24, "complex64": 24, "float16": 11, "bfloat16": 8}


class Kind(StrEnum):
    """How a step comes to have less precision than its inputs."""

    NARROWED = "computes in"  # a float64 value was cast
    MADE = "makes a table in"  # an array was made that depends on no floating input
    HELD = "holds an array in"  # weights or a table that is no input
    DEFINED = "takes a constant from"  # finfo of the dtype of an array: float64 would be another definition
    NOT_LIFTED = "cannot be lifted from"  # the step ran as it is


@dataclass(frozen=True, order=True)
class PinnedStep:
    """A step of the caller's code that has a precision of its own, below float64.

    Attributes:
        dtype: that precision, for example `float32`.
        place: `file.py:line` of the caller's code; empty if unknown.
        kind: how it comes to that precision.
        what: the operation, for a step that cannot be lifted.
    """

    dtype: str
    place: str
    kind: Kind
    what: str = ""


@dataclass
class PinnedSteps:
    """The steps that were seen, each with the number of times, in order; and whether some are numbers that were rounded."""

    counts: dict[PinnedStep, int] = field(default_factory=dict)
    has_numbers: bool = False

    def add(self, step: PinnedStep) -> None:
        """Notes one more of this kind and place."""
        self.counts[step] = self.counts.get(step, 0) + 1


class Lifted(Protocol):
    """One function, lifted."""

    pinned: PinnedSteps
    # dtype and shape of the arrays that the code holds in less than float64: tables, weights that are no inputs, numbers.
    held: set[tuple[str, tuple[int, ...]]]

    def run(self, arrays: Mapping[str, Any], cotangent: Cotangent, *, nudged: bool = False) -> Evaluation:
        """Outputs and gradients in float64. The shapes are those that were lifted.

        Args:
            nudged: every array that the code holds in less than float64 moves by a unit of its dtype, up or down; so do
                numbers that `is_rounded`.
        """

    def kernel_errors(self) -> dict[str, float]:
        """Special function → its error in float64 on the values of the latest run, a fraction of its largest value."""


class Lifting(Protocol):
    """What the module of a framework offers."""

    def lift(self, function: Callable[..., Any], call: Call, arrays: Mapping[str, Any], wrt: tuple[str, ...]) -> Lifted:
        """Prepares `function`, called by `call` on float64 arrays. Raises what the function raises."""


def get(name: str) -> Lifting:
    """The module for this framework."""
    return importlib.import_module(f"{__name__}.{name}_lifting")


def is_rounded(number: float) -> bool:
    """Was it rounded to float32 before it came here? It is one to the last bit, and needs more than half of the bits.

    Of the float64 numbers, one in 2²⁹ is by chance; 1/2, 3 or 1000 need few bits.
    """
    with np.errstate(over="ignore"):
        single = np.float32(number)
    return bool(np.isfinite(single) and float(single) == number and single.view(np.uint32) & 0x1FF)


def signs(shape: tuple[int, ...]) -> np.ndarray:
    """1 or -1 for each element, always the same ones."""
    return np.where(normal(shape, SIGNS, "signs") < 0, -1.0, 1.0)
