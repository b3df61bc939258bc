"""One leaf on one rung, and the measurements that more than one rung needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from parity.compare.compare import Statistics, compare
from parity.data.dtypes import SIXTEEN_BITS, as_float64, epsilon, is_alike, is_inexact
from parity.data.input_variant import InputVariant
from parity.data.inputs import cotangent
from parity.data.leaf import LeafName
from parity.execution.run_cache import RunCache
from parity.judge import tolerances, variants

T = TypeVar("T")


@dataclass(frozen=True)
class Leaf:
    """What is judged.

    Attributes:
        variant: the inputs of the judged runs; its regime holds for all other runs of the leaf too.
        siblings: all leaves of the rung. What is measured on other inputs is measured for all of them at once.
    """

    cache: RunCache
    name: str
    dtype: str
    mode: str
    variant: InputVariant
    siblings: tuple[str, ...] = ()

    def mode_of(self, dtype: str) -> str:
        """The truth and the scaling ratio are questions to the mathematics: there the eager run answers."""
        return self.mode if dtype == self.dtype else "eager"

    def at(self, side: str, dtype: str, variant: InputVariant) -> np.ndarray | None:
        """One side's value, None if the run has none."""
        value = self.cache.result(side, dtype, self.mode_of(dtype), variant).leaf(self.name)
        return value if isinstance(value, np.ndarray) else None

    @property
    def precision(self) -> str:
        """The dtype whose rounding the leaf owes: there are no 16-bit complex numbers, so that these are in complex64."""
        if self.dtype not in SIXTEEN_BITS:
            return self.dtype
        given = [array.dtype for array in self.cache.arguments.arrays.values() if is_inexact(array.dtype)]
        value = self.at(self.cache.sides[0], self.dtype, self.variant)
        is_complex = value is not None and value.dtype.kind == "c"
        return "float32" if is_complex or (given and all(dtype.kind == "c" for dtype in given)) else self.dtype

    def pair(self, dtype: str, variant: InputVariant) -> tuple[np.ndarray, np.ndarray] | None:
        """Both sides' values; None unless both are there with equal shape and dtype."""
        actual, expected = (self.at(side, dtype, variant) for side in self.cache.sides)
        if actual is None or expected is None or actual.shape != expected.shape:
            return None
        both_integers = actual.dtype.kind in "iu" and expected.dtype.kind in "iu"
        return (actual, expected) if actual.dtype == expected.dtype or both_integers else None

    def judged(self) -> tuple[np.ndarray, np.ndarray]:
        """The two arrays that the verdict is about."""
        pair = self.pair(self.dtype, self.variant)
        assert pair is not None, f"{self.name} was not seen to be comparable before"
        return pair

    def for_each(self, key: Hashable, measure: Callable[[Leaf], T]) -> T:
        """`measure(self)`, measured for all siblings while the runs that it needs are there; a small result."""
        known: dict[str, T] = self.cache.once(key, dict)
        if self.name not in known:
            for name in (*self.siblings, self.name):
                if name not in known:
                    known[name] = measure(replace(self, name=name))
        return known[self.name]

    def statistics(self, dtype: str, variant: InputVariant) -> Statistics | None:
        """Both sides' values compared; None if they cannot be."""

        def measure(leaf: Leaf) -> Statistics | None:
            pair = leaf.pair(dtype, variant)
            return None if pair is None else compare(*pair)

        return self.for_each(("statistics", dtype, self.mode_of(dtype), variant), measure)

    def truth(self, variant: InputVariant) -> np.ndarray | None:
        """The float64 value on these inputs."""
        return self.cache.truth(self.name, variant)

    def reference_errors(self) -> dict[str, float]:
        """How far each side is from the caller's reference in float64; empty without one."""
        reference = self.cache.reference_leaf(self.name, self.variant)
        pair = self.pair("float64", self.variant)
        if reference is None or pair is None or not is_alike(pair[0], reference):
            return {}
        expected = as_float64(reference)
        return {
            side: compare(as_float64(value), expected).error for side, value in zip(self.cache.sides, pair, strict=True)
        }

    def further_side(self) -> str | None:
        """The side that is not the reference, if the other one is."""
        errors = self.reference_errors()
        near = [side for side, error in errors.items() if error <= tolerances.REFERENCE_EQUAL]
        return next(side for side in self.cache.sides if side not in near) if len(near) == 1 else None

    def is_zero_but_for_rounding(self) -> bool:
        """Do its values shrink as the unit roundoff does, from float32 to float64, over this input and changed ones?

        Such a leaf (the gradient of a bias in front of a softmax) is exactly zero in one run and 1e-17 in the next.
        """
        peaks = {"float32": 0.0, "float64": 0.0}
        for variant in variants.around(self.variant):
            for dtype, peak in peaks.items():
                statistics = self.statistics(dtype, variant)
                if statistics is None:
                    return False
                peaks[dtype] = max(peak, statistics.peak_actual, statistics.peak_expected)
            if 0 < peaks["float32"] < tolerances.RATIO_CUT * peaks["float64"]:
                return False
        return peaks["float32"] > 0

    def natural_scale(self, variant: InputVariant) -> float:
        """The mean gradient that outputs of this size would have if they were proportional to the input; 0 for an output.

        Of several outputs the smallest counts. What is far below it comes from terms that cancel, or from a saturated function.
        """
        name = LeafName(self.name)
        if not name.is_gradient or name.path not in self.cache.arguments.arrays:
            return 0.0
        size = float(np.sum(np.abs(self.cache.inputs(variant)[name.path])))
        pulled = self.cache.once(("pulled back", variant), lambda: self._smallest_pulled_back(variant))
        return pulled / size if 0 < size < math.inf else 0.0

    def _smallest_pulled_back(self, variant: InputVariant) -> float:
        pulled = []
        for key in self.cache.result(self.cache.sides[0], "float64", "eager", variant).outputs:
            output = self.cache.truth(key, variant)
            if output is not None and is_inexact(output.dtype):
                finite = np.where(np.isfinite(output), output, 0.0)
                weights = cotangent(key, output.shape, output.dtype.kind == "c")
                pulled.append(float(np.sum(np.abs(finite * weights))))
        return min(pulled, default=0.0)

    def is_saturated(self, dtype: str) -> bool:
        """A gradient of which no digit shows in the outputs: the whole input times the gradient is less than their rounding."""
        statistics = self.statistics("float64", self.variant)
        if statistics is None or statistics.nan_actual or statistics.nan_expected:
            return False
        peak = max(statistics.peak_actual, statistics.peak_expected)
        return peak < epsilon(dtype) * self.natural_scale(self.variant)
