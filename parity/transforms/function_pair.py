"""A pair of functions with its inputs: which of them vary, examples near them, directions. NumPy and names only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from parity.data.arguments import Arguments
from parity.data.dtypes import cast, is_floating
from parity.data.inputs import jittered, normal
from parity.data.template import Slot

EXAMPLES = 3  # size of a batch; nested batches have 2 × EXAMPLES
# Examples differ by this fraction of the caller's values: enough to tell them apart, and still inputs of the same kind.
SPREAD = 0.1

Tree = dict[str, np.ndarray]


class NotApplicable(Exception):
    """The cell does not apply to this pair; the text says why."""


@dataclass(frozen=True)
class FunctionPair:
    """A pair of functions and their inputs, in one dtype.

    Attributes:
        name: in outcomes and in declared deviations.
        functions: by side.
        arguments: the inputs; `arguments.wrt` names those that are differentiated.
        another: inputs of other shapes, if the caller gave some.
        dtype: of all floating arrays.
    """

    name: str
    functions: Mapping[str, Callable[..., Any]]
    arguments: Arguments
    another: Arguments | None = None
    dtype: str = "float64"

    @cached_property
    def arrays(self) -> Tree:
        """All arrays; floating ones in `dtype`."""
        return {name: cast(array, self.dtype) for name, array in self.arguments.arrays.items()}

    def on(self, inputs: Mapping[str, np.ndarray], dtype: str) -> FunctionPair:
        """The same functions on other values for the arrays, in another dtype."""
        leaves = tuple(inputs.get(n, leaf) for n, leaf in zip(self.arguments.names, self.arguments.leaves, strict=True))
        return replace(self, arguments=replace(self.arguments, leaves=leaves), dtype=dtype)

    @cached_property
    def varied(self) -> tuple[str, ...]:
        """Names of the inputs that are differentiated; of all floating ones where none is."""
        floating = tuple(name for name, array in self.arrays.items() if is_floating(array.dtype))
        return self.arguments.wrt or floating

    def example(self, number: int) -> Tree:
        """Varied inputs near the given ones; other values for each number."""
        given = {name: jittered(f"example/{name}", self.arrays[name], number + 1, SPREAD) for name in self.varied}
        return {name: cast(array, self.dtype) for name, array in given.items()}

    @cached_property
    def template(self) -> dict[str, Any]:
        """The inputs by parameter, with a `Slot` in place of each array."""
        return self.arguments.tree({name: Slot(name) for name in self.arrays})

    def tangent(self, number: int = 0) -> Tree:
        """Standard normal directions at the varied inputs; others for each number."""
        return {n: cast(normal(self.arrays[n].shape, number, f"tangent/{n}"), self.dtype) for n in self.varied}

    @cached_property
    def smallest(self) -> str:
        """The smallest varied input with more than one element, if there is one: small enough for a full Jacobian."""
        return min(self.varied, key=lambda name: (self.arrays[name].size < 2, self.arrays[name].size))


def stacked(examples: list[Tree], axis: int | Mapping[str, int]) -> Tree:
    """The examples as one batch along a new axis; a mapping gives the axis by name."""
    chosen = axis if isinstance(axis, Mapping) else dict.fromkeys(examples[0], axis)
    return {name: np.stack([example[name] for example in examples], chosen[name]) for name in examples[0]}
