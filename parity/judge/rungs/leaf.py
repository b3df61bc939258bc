"""One leaf on one rung, and the measurements that more than one rung needs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from parity.compare.compare import Statistics, compare
from parity.data.dtypes import epsilon
from parity.data.inputs import cotangent
from parity.execution.run_cache import InputVariant, RunCache, as_float64
from parity.judge import tolerances
from parity.sides import SIDES


@dataclass(frozen=True)
class Leaf:
    """What is judged.

    Attributes:
        values: the inputs of the judged runs; their regime holds for all other runs of the leaf too.
    """

    evidence: RunCache
    name: str
    dtype: str
    mode: str
    values: InputVariant

    def at(self, side: str, dtype: str, values: InputVariant) -> np.ndarray | None:
        """One side's value. The truth and the error ratio are questions to the mathematics: there the eager run answers."""
        found = self.evidence.result(side, dtype, self.mode if dtype == self.dtype else "eager", values).leaf(self.name)
        return found if isinstance(found, np.ndarray) else None

    def pair(self, dtype: str, values: InputVariant) -> tuple[np.ndarray, np.ndarray] | None:
        """Both sides' values; None unless both are there with equal shape and dtype."""
        actual, expected = (self.at(side, dtype, values) for side in SIDES)
        if actual is None or expected is None or actual.shape != expected.shape:
            return None
        both_integers = actual.dtype.kind in "iu" and expected.dtype.kind in "iu"
        return (actual, expected) if actual.dtype == expected.dtype or both_integers else None

    def changed(self) -> list[InputVariant]:
        """Inputs near the judged ones: every rounding is drawn anew, and the regime is not left."""
        size = max(tolerances.SIDE_JITTER_SIZE, tolerances.SIDE_JITTER_UNITS * epsilon(self.dtype))
        return [replace(self.values, jitter=k, size=size) for k in range(1, tolerances.SIDE_JITTERS + 1)]

    def judged(self) -> tuple[np.ndarray, np.ndarray]:
        """The two arrays that the verdict is about."""
        found = self.pair(self.dtype, self.values)
        assert found is not None, f"{self.name} was not seen to be comparable before"
        return found

    def truth(self, values: InputVariant) -> np.ndarray | None:
        return self.evidence.truth(self.name, values)

    def reference_errors(self) -> dict[str, float]:
        """How far each side is from the caller's reference in float64; empty without one."""
        reference = self.evidence.reference_leaf(self.name, self.values)
        pair = self.pair("float64", self.values)
        if reference is None or pair is None or pair[0].shape != reference.shape:
            return {}
        return {
            side: compare(as_float64(value), as_float64(reference)).error
            for side, value in zip(SIDES, pair, strict=True)
        }

    def further_side(self) -> str | None:
        """The side that is not the reference, if the other one is."""
        errors = self.reference_errors()
        near = [side for side, error in errors.items() if error <= tolerances.REFERENCE_EQUAL]
        return next(side for side in SIDES if side not in near) if len(near) == 1 else None

    def is_zero_but_for_rounding(self) -> bool:
        """Do its values shrink as the unit roundoff does, from float32 to float64, over this input and changed ones?

        Such a leaf (the gradient of a bias in front of a softmax) is exactly zero in one run and 1e-17 in the next.
        """
        peaks = {"float32": 0.0, "float64": 0.0}
        for number in range(tolerances.SIDE_JITTERS + 1):
            values = replace(self.values, rounded_to="float32")
            if number:
                values = replace(values, jitter=number, size=tolerances.SIDE_JITTER_SIZE)
            for dtype, peak in peaks.items():
                found = self.statistics(dtype, values)
                if found is None:
                    return False
                peaks[dtype] = max(peak, found.peak_actual, found.peak_expected)
            if 0 < peaks["float32"] < tolerances.RATIO_CUT * peaks["float64"]:
                return False
        return peaks["float32"] > 0

    def natural_scale(self, values: InputVariant) -> float:
        """The mean gradient that outputs of this size would have if they were proportional to the input; 0 for an output.

        Of several outputs the smallest counts. What is far below it comes from terms that cancel, or from a saturated function.
        """
        name = self.name.removeprefix("grad/")
        if name == self.name or name not in self.evidence.arguments.arrays:
            return 0.0
        size = float(np.sum(np.abs(self.evidence.inputs(values)[name])))
        pulled = []
        for key in self.evidence.result("jax", "float64", "eager", values).outputs:
            output = self.evidence.truth(key, values)
            if output is not None and output.dtype.kind == "f":
                finite = np.where(np.isfinite(output), output, 0.0)
                pulled.append(float(np.sum(np.abs(finite * cotangent(key, output.shape)))))
        return min(pulled, default=0.0) / size if 0 < size < math.inf else 0.0

    def is_saturated(self, dtype: str) -> bool:
        """A gradient of which no digit shows in the outputs: the whole input times the gradient is less than their rounding."""
        found = self.statistics("float64", self.values)
        if found is None or found.nan_actual or found.nan_expected:
            return False
        return max(found.peak_actual, found.peak_expected) < epsilon(dtype) * self.natural_scale(self.values)

    def statistics(self, dtype: str, values: InputVariant) -> Statistics | None:
        pair = self.pair(dtype, values)
        return None if pair is None else compare(*pair)
