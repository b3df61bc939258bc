"""Which inputs a run sees: the caller's own, rounded, moved a little, or taken into a regime. Each variant has a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from parity.data.dtypes import cast
from parity.data.inputs import in_regime, jittered, normal_like

# How an array is moved: in proportion to each value, the same on top of another move, away from zero alone, or all towards zero.
PROPORTIONAL, OFF_ZERO, ON_TOP, SHRUNK = "moved", "off zero", "moved again", "shrunk"
_ORDER = (PROPORTIONAL, OFF_ZERO, ON_TOP, SHRUNK)


@dataclass(frozen=True)
class Move:
    """A small random change of the inputs.

    Attributes:
        kind: `PROPORTIONAL`, `ON_TOP`, `OFF_ZERO` or `SHRUNK`.
        number: seeds the random numbers; the same number gives the same move.
        size: largest change as a fraction of a value, roughly; for `OFF_ZERO` of the array's largest magnitude;
            for `SHRUNK` what every value is multiplied by.
        only: the one input that moves; all by default.
    """

    kind: str
    number: int
    size: float
    only: str = ""

    def apply(self, name: str, array: np.ndarray) -> np.ndarray:
        """The input of this name, moved; as it is where another one moves."""
        if self.only not in ("", name):
            return array
        if self.kind == SHRUNK:
            return array * self.size if array.dtype.kind in "fc" else array
        if self.kind == OFF_ZERO:
            return _off_zero(name, array, self.number, self.size)
        return jittered(f"again/{name}" if self.kind == ON_TOP else name, array, self.number, self.size)

    def __str__(self) -> str:
        return f"{self.kind} {self.number} by {self.size:.3g}" + (f" in {self.only}" if self.only else "")


@dataclass(frozen=True)
class InputVariant:
    """One set of inputs, made from the caller's.

    Attributes:
        regime: a kind of values, applied first; `unit` leaves the caller's values as they are.
        moves: applied next, in order.
        rounded_to: dtype that the values are rounded to last; `float64` leaves them as they are.
    """

    regime: str = "unit"
    moves: tuple[Move, ...] = ()
    rounded_to: str = "float64"

    @property
    def name(self) -> str:
        """Unique and stable: a recording made elsewhere finds its runs by it."""
        parts = ["given" if self.regime == "unit" else self.regime, *map(str, self.moves)]
        return ", ".join(parts) + (f", rounded to {self.rounded_to}" if self.rounded_to != "float64" else "")

    def moved(self, kind: str, number: int, size: float, only: str = "") -> InputVariant:
        """This variant with a move, in place of an earlier one of the same kind."""
        others = [move for move in self.moves if move.kind != kind]
        moves = sorted([*others, Move(kind, number, size, only)], key=lambda move: _ORDER.index(move.kind))
        return replace(self, moves=tuple(moves))

    def rounded(self, dtype: str) -> InputVariant:
        """This variant, rounded to `dtype` in place of what it was rounded to."""
        return replace(self, rounded_to=dtype)

    def arrays(self, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The inputs by name; floating ones in float64, so that a later cast to `rounded_to` is exact."""
        made = {}
        for name, array in given.items():
            array = in_regime(name, array, self.regime)
            for move in self.moves:
                array = move.apply(name, array)
            made[name] = cast(cast(array, self.rounded_to), "float64")
        return made


GIVEN = InputVariant()


def _off_zero(name: str, array: np.ndarray, number: int, size: float) -> np.ndarray:
    """A number in place of each zero: a move in proportion to a value leaves a zero where it is."""
    if array.dtype.kind not in "fc":
        return array
    largest = np.abs(array).max(initial=0.0, where=np.isfinite(array)) or 1.0
    return np.where(array == 0, size * largest * normal_like(array, number, f"off zero/{name}"), array)
