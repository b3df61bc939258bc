"""All runs behind one check: each is made once, when a verdict asks for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from parity.data.arguments import Arguments
from parity.data.dtypes import cast, is_floating
from parity.data.inputs import in_regime, jittered
from parity.data.tree import named_leaves
from parity.execution.limits import TimeLimitExceeded, time_limit
from parity.execution.result import Problem, Result
from parity.execution.runner import described, run
from parity.sides import SIDES


@dataclass(frozen=True)
class InputVariant:
    """Which inputs a run sees.

    Attributes:
        rounded_to: dtype that the caller's values are rounded to first; `float64` leaves them as they are.
        jitter: 0 for the caller's values; k > 0 for the k-th small random change of them.
        size: relative size of that change.
        only: the one input that changes; all by default.
        regime: what was made of the caller's values before; `unit` leaves them as they are.
        again, again_size: number and size of a second, tiny move on top of the first.
    """

    rounded_to: str = "float64"
    jitter: int = 0
    size: float = 0.0
    only: str = ""
    regime: str = "unit"
    again: int = 0
    again_size: float = 0.0


GIVEN = InputVariant()


@dataclass
class RunCache:
    """Two functions and their inputs, and every run of them so far.

    Attributes:
        always: side → mode that it runs in, whichever is asked for; findings name the one that was asked for.
    """

    functions: Mapping[str, Callable[..., Any]]
    arguments: Arguments
    reference: Callable[..., Any] | None
    timeout_s: float
    always: Mapping[str, str] = field(default_factory=dict)
    _runs: dict[tuple[str, str, str, InputVariant], Result] = field(default_factory=dict)
    _inputs: dict[InputVariant, dict[str, np.ndarray]] = field(default_factory=dict)
    _references: dict[InputVariant, dict[str, Any]] = field(default_factory=dict)
    _hung: dict[str, Problem] = field(default_factory=dict)
    reference_problem: Problem | None = None

    def inputs(self, values: InputVariant) -> dict[str, np.ndarray]:
        """The inputs by name; floating ones in float64 when they were given in less, so that a cast is exact."""
        if values not in self._inputs:
            arrays = {name: in_regime(name, array, values.regime) for name, array in self.arguments.arrays.items()}
            for stage, number, size in (("", values.jitter, values.size), ("again/", values.again, values.again_size)):
                arrays = {
                    name: jittered(stage + name, array, number, size) if number and values.only in ("", name) else array
                    for name, array in arrays.items()
                }
            self._inputs[values] = {
                name: cast(cast(array, values.rounded_to), "float64") for name, array in arrays.items()
            }
        return self._inputs[values]

    def result(self, side: str, dtype: str, mode: str, values: InputVariant = GIVEN) -> Result:
        """One side's run. After a side hung once it is not called again."""
        values, mode = self._same(values), self.always.get(side, mode)
        key = (side, dtype, mode, values)
        if key not in self._runs:
            if side in self._hung:
                self._runs[key] = Result(problems=(self._hung[side],))
            else:
                self._runs[key] = run(
                    self.functions[side],
                    self.arguments,
                    self.inputs(values),
                    backend=side,
                    dtype=dtype,
                    mode=mode,
                    timeout_s=self.timeout_s,
                )
                for problem in self._runs[key].problems:
                    if problem.is_timeout:
                        self._hung[side] = problem
        return self._runs[key]

    def _same(self, values: InputVariant) -> InputVariant:
        """The unrounded values when rounding changes nothing, so that no run is made twice."""
        exact = replace(values, rounded_to="float64")
        if values == exact or values.jitter or values.again:
            return values
        given, rounded = self.inputs(exact), self.inputs(values)
        equal = all(np.array_equal(given[n], rounded[n], equal_nan=is_floating(given[n].dtype)) for n in given)
        return exact if equal else values

    def constant_inputs(self) -> list[str]:
        """Floating inputs of more than one element that are all the same number."""
        return [
            name
            for name, array in self.arguments.arrays.items()
            if is_floating(array.dtype) and array.size > 1 and (array == array.flat[0]).all()
        ]

    def reference_leaf(self, leaf: str, values: InputVariant) -> np.ndarray | None:
        """The caller's reference on these inputs, in float64; None for gradients, without a reference, and after it failed."""
        if self.reference is None or self.reference_problem or leaf.startswith("grad"):
            return None
        values = self._same(values)
        if values not in self._references:
            # Copies: a reference may work in place.
            tree = self.arguments.tree({name: array.copy() for name, array in self.inputs(values).items()})
            try:
                with np.errstate(all="ignore"), time_limit(self.timeout_s):
                    self._references[values] = named_leaves(self.arguments.call(self.reference, tree), "out")
            except (Exception, SystemExit, TimeLimitExceeded) as error:
                self.reference_problem = described(error, "out")
                return None
        found = self._references[values].get(leaf)
        return None if found is None else np.asarray(found)

    def reference_structure(self, leaf: str, shape: tuple[int, ...], values: InputVariant) -> str:
        """Why the reference cannot be compared with this leaf; empty if it can, and if there is none to compare."""
        if self.reference is None or leaf.startswith("grad"):
            return ""
        found = self.reference_leaf(leaf, values)
        if found is None:
            return "" if self.reference_problem else f"both sides return {leaf}, the reference does not"
        if found.dtype.kind not in "fiubc":
            return f"the reference returns dtype {found.dtype}, expected numbers"
        return (
            ""
            if found.shape == shape
            else f"both sides return shape {shape}, the reference returns shape {found.shape}"
        )

    def truth(self, leaf: str, values: InputVariant) -> np.ndarray | None:
        """The float64 value: the reference's, else the middle of both sides' (which agree where this is asked)."""
        reference = self.reference_leaf(leaf, values)
        if reference is not None and reference.dtype.kind in "fiubc":
            return reference
        both = [self.result(side, "float64", "eager", values).leaf(leaf) for side in SIDES]
        if any(not isinstance(value, np.ndarray) for value in both) or both[0].shape != both[1].shape:
            return None
        if both[0].dtype.kind in "fc":
            with np.errstate(all="ignore"):
                return np.where(both[0] == both[1], both[0], both[0] + (both[1] - both[0]) / 2)
        return both[0]


def as_float64(array: np.ndarray) -> np.ndarray:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def is_discrete(array: np.ndarray) -> bool:
    return array.dtype.kind in "iub"


def decimal(value: float) -> str:
    """Three significant digits, as in messages."""
    return "nan" if math.isnan(value) else f"{value:.3g}"
