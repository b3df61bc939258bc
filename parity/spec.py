"""What an operation is: its axes, sizes, reference and source. No framework, no random numbers.

Axis letters: `B` batch, `T` query length, `S` key and value length, `N` heads, `H` size of one head, `Hv` size of one
value, `D` model width, `F` input features, `C` classes. A string of letters such as `"B T H"` is a shape; `""` is a scalar.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Array:
    """One array argument and how its values are drawn.

    Args:
        axes: axis letters, for example `"B T H"`.
        scale: standard deviation of the normal distribution that the values come from.
        below: an axis letter; the values are then integers in [0, size of that axis).
    """

    axes: str
    scale: float = 1.0
    below: str | None = None

    def shape(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The size of each axis, for example `(2, 5)` for `"B T"` and `{"B": 2, "T": 5}`."""
        return tuple(sizes[axis] for axis in self.axes.split())


@dataclass(frozen=True)
class Op:
    """One mathematical operation that both frameworks implement under the same name.

    Args:
        inputs: argument name → axis string, `Array`, a nested dict of these, or a constant that is handed on as it is.
        outputs: axis string, or a tree of them, shaped like the result.
        sizes: the size of each axis letter, a mapping for each case. Different primes, so that no swapped axis fits.
        reference: the operation in float64 NumPy, written from `source`.
        source: paper and equation number.
        wrt: inputs to differentiate, as in `parity.check`.
        special: name → what makes of the seeded inputs others that this operation must stand as well.
        name: file name of the operation, filled in when it is loaded.
    """

    inputs: Mapping[str, Any]
    outputs: Any
    sizes: tuple[Mapping[str, int], ...]
    reference: Callable[..., Any]
    source: str
    wrt: Any = "all"
    special: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = field(default_factory=dict)
    name: str = ""

    def implementation(self, backend: str) -> Callable[..., Any]:
        """The function in `impl_jax` or `impl_torch`: module name = function name = op name."""
        return getattr(importlib.import_module(f"impl_{backend}.{self.name}"), self.name)
