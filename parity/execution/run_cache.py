"""All runs behind one check: each is made when a verdict asks for it, and dropped when no verdict needs it any more."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from parity.data.arguments import Arguments
from parity.data.dtypes import is_inexact
from parity.data.gauge import NO_GAUGE, Gauge
from parity.data.input_variant import GIVEN, InputVariant
from parity.data.leaf import LeafName
from parity.data.tree import named_leaves
from parity.execution.limits import TimeLimitExceeded, time_limit
from parity.execution.memory import give_back
from parity.execution.pinned import Pinned
from parity.execution.result import Problem, Result
from parity.execution.runner import AS_SET, LIFTED, LiveRunner, Runner

# Runs on moved inputs that are kept: two variants on both sides in two dtypes are the most that one measurement compares.
MOVED_RUNS = 4
MOVED_INPUTS = 1
# The mode of a float64 run of the code as it is, with the precisions that it asks for.
AS_WRITTEN = "as written"


@dataclass
class RunCache:
    """Two sides, their inputs, and the runs of them that are still needed.

    Runs on the caller's own inputs are kept until `release`; of those on moved inputs the latest `MOVED_RUNS`. What is
    measured on moved inputs is measured for all leaves at once (`Leaf.for_each`), so that no run is made twice.

    Attributes:
        runners: name of a side → what runs it. The first is `actual`, the second `expected`.
        arguments: the inputs of both.
        reference: the same function in NumPy, if there is one.
        reference_problem: why the reference gave nothing, once it failed.
        callers: the matmul precisions that the process is set to, in words, if runs below float64 have these; empty where all
            have the highest.
        up_to: outputs that are defined up to signs: see `Gauge`. Every run, and the reference, has the signs of the first side's
            float64 run on the same inputs, and this one those of its run on the inputs before any move.
        lifts: float64 runs in mode "eager" are those of the lifted functions, where the code pins a lower precision.
    """

    runners: Mapping[str, Runner]
    arguments: Arguments
    reference: Callable[..., Any] | None = None
    timeout_s: float = 60.0
    reference_problem: Problem | None = None
    lifts: bool = False
    callers: str = ""
    up_to: Mapping[str, str] = field(default_factory=dict)
    _runs: OrderedDict[tuple[InputVariant, str, str, str], Result] = field(default_factory=OrderedDict)
    _inputs: OrderedDict[InputVariant, dict[str, np.ndarray]] = field(default_factory=OrderedDict)
    _references: dict[InputVariant, dict[str, Any]] = field(default_factory=dict)
    _measured: dict[Hashable, Any] = field(default_factory=dict)
    _unchanged: dict[InputVariant, bool] = field(default_factory=dict)
    _hung: dict[str, Problem] = field(default_factory=dict)

    @classmethod
    def live(
        cls,
        functions: Mapping[str, Callable[..., Any]],
        arguments: Arguments,
        reference: Callable[..., Any] | None = None,
        timeout_s: float = 60.0,
        device: str = "cpu",
        always: Mapping[str, str] | None = None,
        lifts: bool = False,
        callers: str = "",
        up_to: Mapping[str, str] | None = None,
    ) -> RunCache:
        """A cache that runs these functions, one for each framework.

        Args:
            always: side → mode that it runs in, whichever is asked for; findings name the one that was asked for.
        """
        runners = {
            side: LiveRunner(function, side, arguments, timeout_s, device, (always or {}).get(side, ""))
            for side, function in functions.items()
        }
        return cls(runners, arguments, reference, timeout_s, lifts=lifts, callers=callers, up_to=up_to or {})

    @property
    def sides(self) -> tuple[str, str]:
        """The names of both sides, `actual` first."""
        actual, expected = self.runners
        return actual, expected

    def function(self, side: str) -> Callable[..., Any]:
        """The caller's function on this side."""
        return self.runners[side].function

    def mode_of_rung(self, dtype: str, mode: str) -> str:
        """The mode of the runs that a rung judges; what is only measured for it has the mode itself."""
        return f"{mode}{AS_SET}" if self.callers and dtype != "float64" else mode

    def inputs(self, variant: InputVariant = GIVEN) -> dict[str, np.ndarray]:
        """The inputs by name; floating ones in float64 when they were given in less, so that a cast is exact."""
        if variant not in self._inputs:
            if variant.moves:
                _keep_latest(self._inputs, MOVED_INPUTS - 1, lambda one: bool(one.moves))
            self._inputs[variant] = variant.arrays(self.arguments.arrays)
        self._inputs.move_to_end(variant)
        return self._inputs[variant]

    def result(self, side: str, dtype: str, mode: str, variant: InputVariant = GIVEN) -> Result:
        """One side's run. After a side hung once it is not called again.

        In float64 and mode "eager" it is that of the lifted function, where the functions are lifted; in mode `AS_WRITTEN`
        it is that of the code as it is.
        """
        variant = self._same(variant)
        if mode == AS_WRITTEN:
            mode = "eager"
        elif (dtype, mode) == ("float64", "eager") and self.pinned.is_lifted:
            mode = LIFTED
        key = (variant, side, dtype, mode)
        if key not in self._runs:
            if variant.moves:
                _keep_latest(self._runs, MOVED_RUNS - 1, lambda one: bool(one[0].moves))
            hung = self._hung.get(side)
            runner = self.runner(side, dtype, mode, variant)
            result = Result(problems=(hung,)) if hung else runner.run(variant, self.inputs(variant), dtype, mode)
            for problem in result.problems:
                if problem.is_timeout:
                    self._hung[side] = problem
            self._runs[key] = result
            give_back(self.arguments.arrays.values())
        self._runs.move_to_end(key)
        return self._runs[key]

    def runner(self, side: str, dtype: str, mode: str, variant: InputVariant) -> Runner:
        """What makes this run, with the signs that its outputs have to take."""
        runner = self.runners[side]
        is_aligned = self.up_to and isinstance(runner, LiveRunner)
        return replace(runner, gauge=self._gauge((side, dtype, mode), variant)) if is_aligned else runner  # type: ignore[type-var]

    def _gauge(self, run: tuple[str, str, str], variant: InputVariant) -> Gauge:
        if not self.up_to:
            return NO_GAUGE
        first, unmoved = self.sides[0], InputVariant(variant.regime)
        is_frame = run == (first, "float64", LIFTED if self.pinned.is_lifted else "eager")
        if is_frame and variant == unmoved:
            return Gauge(self.up_to)
        return Gauge(self.up_to, self.result(first, "float64", "eager", unmoved if is_frame else variant).outputs)

    @cached_property
    def pinned(self) -> Pinned:
        """The steps that have a precision of their own, found once on the caller's inputs."""
        found = Pinned({}, {}, {})
        for side, runner in self.runners.items():
            if not self.lifts or not isinstance(runner, LiveRunner):
                continue
            lifted = runner.lift(self.inputs())
            if isinstance(lifted, Problem):
                found.problems[side] = lifted
                if lifted.is_timeout:
                    self._hung[side] = lifted
                break
            found.steps[side], found.held[side] = lifted.pinned, lifted.held
        return found

    def kernel_errors(self, side: str, variant: InputVariant) -> dict[str, float]:
        """Special function of this side → its error in float64 on these inputs."""
        runner = self.runners[side]
        if not self.lifts or not isinstance(runner, LiveRunner) or side in self._hung:
            return {}
        found: dict[str, float] = self.once(
            ("kernel errors", side, variant), lambda: runner.kernel_errors(self.inputs(variant))
        )
        return found

    def release(self, dtype: str = "", mode: str = "") -> None:
        """Drops the runs in this dtype and mode; without them all runs, inputs and measurements."""
        self.release_moved()
        kept_runs = ((key, run) for key, run in self._runs.items() if dtype and key[2:] != (dtype, mode))
        self._runs = OrderedDict(kept_runs)
        if not dtype:
            for kept in (self._inputs, self._references, self._measured, self._unchanged):
                kept.clear()

    def release_moved(self) -> None:
        """Drops the runs on moved inputs, and these inputs."""
        for kept in [key for key in self._runs if key[0].moves]:
            del self._runs[kept]
        for variant in [variant for variant in self._inputs if variant.moves]:
            del self._inputs[variant]

    def once(self, key: Hashable, measure: Callable[[], Any]) -> Any:
        """`measure()`, which must be small, made once until `release`."""
        if key not in self._measured:
            self._measured[key] = measure()
        return self._measured[key]

    def _same(self, variant: InputVariant) -> InputVariant:
        """The unrounded variant when rounding changes nothing, so that no run is made twice."""
        exact = variant.rounded("float64")
        if variant == exact or variant.moves:
            return variant
        if variant not in self._unchanged:
            given = self.inputs(exact)
            self._unchanged[variant] = all(  # one at a time: all of them are the largest part of what a check holds
                np.array_equal(given[n], variant.arrays({n: array})[n], equal_nan=is_inexact(array.dtype))
                for n, array in self.arguments.arrays.items()
            )
        return exact if self._unchanged[variant] else variant

    def reference_leaf(self, leaf: str, variant: InputVariant) -> np.ndarray | None:
        """The caller's reference on these inputs, in float64; None for gradients, without a reference, and after it failed."""
        if self.reference is None or self.reference_problem or LeafName(leaf).is_gradient:
            return None
        variant = self._same(variant)
        if variant not in self._references:
            # Copies: a reference may work in place.
            tree = self.arguments.tree({name: array.copy() for name, array in self.inputs(variant).items()})
            try:
                with np.errstate(all="ignore"), time_limit(self.timeout_s):
                    self._references[variant] = named_leaves(self.arguments.call(self.reference, tree), "out")
            except (Exception, SystemExit, TimeLimitExceeded) as error:
                self.reference_problem = Problem.of(error, "out")
                return None
        value = self._references[variant].get(leaf)
        if value is None:
            return None
        aligned: np.ndarray = self._gauge(("reference", "float64", ""), variant).aligned(leaf, np.asarray(value))
        return aligned

    def truth(self, leaf: str, variant: InputVariant) -> np.ndarray | None:
        """The float64 value: the reference's, else the middle of both sides' (which agree where this is asked)."""
        reference = self.reference_leaf(leaf, variant)
        if reference is not None and reference.dtype.kind in "fiubc":
            return reference
        both = [self.result(side, "float64", "eager", variant).leaf(leaf) for side in self.sides]
        if any(not isinstance(value, np.ndarray) for value in both) or both[0].shape != both[1].shape:
            return None
        if both[0].dtype.kind in "fc":
            with np.errstate(all="ignore"):
                return np.where(both[0] == both[1], both[0], both[0] + (both[1] - both[0]) / 2)
        return both[0]


def _keep_latest(kept: OrderedDict[Any, Any], most: int, is_moved: Callable[[Any], bool]) -> None:
    moved = [key for key in kept if is_moved(key)]
    for key in moved[: max(0, len(moved) - most)]:
        del kept[key]
