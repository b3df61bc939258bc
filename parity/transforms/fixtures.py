"""What the functions of the cells can ask for, by the name of a parameter.

| functions | |
|---|---|
| `f` | the operation: varied inputs by name → floating outputs by name |
| `loss` | x ↦ Σ ⟨cotangent, sin f(x)⟩, a smooth scalar with derivatives of every order |
| `f_of_one`, `loss_of_one` | the same as functions of the smallest varied input alone |
| `whole` | all arrays of the operation by name, integers too → its outputs by name |
| `flexible` | takes `shapes`: three inputs of two shapes and, the third, of another dtype |
| `pair` | the caller's functions and inputs as they were given |

| values | |
|---|---|
| `x`, `arrays` | what `f` and `whole` take |
| `tangent`, `another_tangent` | two directions at x |
| `cotangent`, `cotangents` | fixed cotangents of the outputs of f, and one such for each example |
| `one`, `direction` | the smallest varied input, and a direction at it |
| `examples` | a list of inputs near x; `batch`, `batch_1`, `batch_last`: along a new axis; `grid`: along two |
| `first`, `rest`, `mixed_examples` | a batch of the first varied input, the others as they are; the same as a list |
| `tree`, `tree_axes`, `tree_examples` | a batch with an axis, or none, for each leaf; the same as a list |
| `several`, `chosen` | positions of two varied inputs, and the name of the last |
| `axes_out` | output of f → 1, or 0 for a scalar |
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optree

from parity.data.dtypes import cast
from parity.data.inputs import cotangent
from parity.execution import backends
from parity.transforms.function_pair import EXAMPLES, FunctionPair, NotApplicable, Tree, stacked


class Fixtures:
    """One framework's functions and arrays for one pair. To be used inside `adapter.settings(pair.dtype)`."""

    def __init__(self, pair: FunctionPair, side: str) -> None:
        self.pair, self.side = pair, side
        self.adapter = backends.get(side)
        self.kit: Any = importlib.import_module(f"parity.transforms.in_{side}.kit")
        self._shapes: dict[str, tuple[int, ...]] = {}

    def get(self, name: str) -> Any:
        """The fixture; functions and arrays are new each time, so that no cell finds what another compiled or wrote.

        Raises:
            NotApplicable: this pair has no such thing.
        """
        if name in VALUES:
            return self.converted(VALUES[name](self.pair))
        made = getattr(self, name)
        return made() if inspect.ismethod(made) else made

    def converted(self, tree: Any) -> Any:
        """NumPy arrays in a tree as the framework's own."""

        def convert(leaf: Any) -> Any:
            return self.adapter.from_numpy(leaf) if isinstance(leaf, np.ndarray) else leaf

        return optree.tree_map(convert, tree, none_is_leaf=True)

    def f(self) -> Callable[..., Any]:
        """The operation: varied inputs by name → floating outputs by name."""
        if not self.pair.varied:
            raise NotApplicable("no input is a floating array")
        constants = {n: array for n, array in self.pair.arrays.items() if n not in self.pair.varied}
        return self.kit.operation(self.pair, self.converted(constants), floating=True)

    def whole(self) -> Callable[..., Any]:
        """The operation on all its arrays, integers included, with all its outputs."""
        return self.kit.operation(self.pair, {}, floating=False)

    def flexible(self) -> Callable[..., Any]:
        """The operation for inputs of several shapes; under `vmap` where the caller gave one shape only."""
        return self.whole() if self.pair.another else self.kit.mapped(self.whole())

    def loss(self) -> Callable[..., Any]:
        """x ↦ Σ ⟨cotangent, sin f(x)⟩, a scalar."""
        return self.kit.scalar(self.f(), self.cotangent())

    def f_of_one(self) -> Callable[..., Any]:
        """`f` of the smallest varied input alone."""
        _differentiable(self.pair)
        return self.kit.of_one(self.f(), self.get("x"), self.pair.smallest)

    def loss_of_one(self) -> Callable[..., Any]:
        """`loss` of the smallest varied input alone."""
        return self.kit.of_one(self.loss(), self.get("x"), self.pair.smallest)

    def cotangent(self, prefix: str = "") -> Any:
        """A seeded array for each floating output, in the dtype of the pair; `prefix` gives another draw."""
        _differentiable(self.pair)
        shapes = self.output_shapes().items()
        return self.converted({n: cast(cotangent(f"{prefix}{n}", shape), self.pair.dtype) for n, shape in shapes})

    def cotangents(self) -> Any:
        """A cotangent of its own for each example."""
        return [self.cotangent(f"{number}/") for number in range(EXAMPLES)]

    def axes_out(self) -> dict[str, int]:
        """The axis of each output to batch along: 1, or 0 for a scalar."""
        return {name: min(1, len(shape)) for name, shape in self.output_shapes().items()}

    def output_shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the floating outputs, from one eager call."""
        if not self._shapes:
            out = self.f()(self.get("x"))
            self._shapes = {name: tuple(leaf.shape) for name, leaf in out.items()}
        if not self._shapes:
            raise NotApplicable("no output is a floating array")
        return self._shapes


def _differentiable(pair: FunctionPair) -> None:
    if not pair.arguments.wrt:
        raise NotApplicable("no floating input is differentiated")


def _tangent(pair: FunctionPair, number: int = 0) -> Tree:
    _differentiable(pair)
    return pair.tangent(number)


def _examples(pair: FunctionPair, count: int = EXAMPLES) -> list[Tree]:
    if not pair.varied:
        raise NotApplicable("no input is a floating array")
    return [pair.example(number) for number in range(count)]


def _batch_1(pair: FunctionPair) -> Tree:
    scalars = [name for name in pair.varied if pair.arrays[name].ndim == 0]
    if scalars:
        raise NotApplicable(f"{scalars[0]} is a scalar: a batch of it has no second axis")
    return stacked(_examples(pair), 1)


def _grid(pair: FunctionPair) -> Tree:
    examples = _examples(pair, 2 * EXAMPLES)
    return stacked([stacked(examples[:EXAMPLES], 0), stacked(examples[EXAMPLES:], 0)], 0)


def _first(pair: FunctionPair) -> Tree:
    if len(pair.varied) < 2:
        raise NotApplicable("there is only one floating input to vary")
    return {pair.varied[0]: stacked(_examples(pair), 0)[pair.varied[0]]}


def _rest(pair: FunctionPair) -> Tree:
    return {name: pair.arrays[name] for name in pair.varied[1:]}


def _tree_axes(pair: FunctionPair) -> dict[str, int | None]:
    """Last, none, first, and so on: at least one leaf is mapped."""
    return {name: (-1, None, 0)[number % 3] for number, name in enumerate(pair.varied)}


def _tree(pair: FunctionPair) -> Tree:
    examples, found = _examples(pair), {}
    for name, axis in _tree_axes(pair).items():
        found[name] = pair.arrays[name] if axis is None else stacked(examples, axis)[name]
    return found


def _tree_examples(pair: FunctionPair) -> list[Tree]:
    kept = {name: pair.arrays[name] for name, axis in _tree_axes(pair).items() if axis is None}
    return [{**example, **kept} for example in _examples(pair)]


def _several(pair: FunctionPair) -> tuple[int, int]:
    if len(pair.varied) < 2:
        raise NotApplicable("there is only one input to differentiate")
    return (0, len(pair.varied) - 1)


def _shapes(pair: FunctionPair) -> list[Tree]:
    """The given shapes, others, and the given ones in float32."""
    if pair.another is not None:
        given, other = pair.arrays, {n: cast(a, "float64") for n, a in pair.another.arrays.items()}
    else:
        given, other = (stacked([pair.arrays] * count, 0) for count in (EXAMPLES, EXAMPLES - 1))
    lower = {name: cast(array, "float32") for name, array in given.items()}
    if all(lower[name].dtype == given[name].dtype for name in given):
        raise NotApplicable("no input is a floating array: there is no other dtype to compile for")
    return [given, other, lower]


VALUES: Mapping[str, Callable[[FunctionPair], Any]] = {
    "arrays": lambda s: s.arrays,
    "x": lambda s: {name: s.arrays[name] for name in s.varied},
    "tangent": _tangent,
    "another_tangent": lambda s: _tangent(s, 1),
    "one": lambda s: s.arrays[s.smallest],
    "direction": lambda s: _tangent(s)[s.smallest],
    "examples": _examples,
    "grid_examples": lambda s: _examples(s, 2 * EXAMPLES),
    "batch": lambda s: stacked(_examples(s), 0),
    "batch_1": _batch_1,
    "batch_last": lambda s: stacked(_examples(s), -1),
    "batch_of_1": lambda s: stacked(_examples(s, 1), 0),
    "batch_of_0": lambda s: {name: array[:0] for name, array in stacked(_examples(s), 0).items()},
    "grid": _grid,
    "first": _first,
    "rest": _rest,
    "mixed_examples": lambda s: [{**e, **_rest(s)} for e in _examples(s)],
    "tree": _tree,
    "tree_axes": _tree_axes,
    "tree_examples": _tree_examples,
    "several": _several,
    "chosen": lambda s: s.varied[-1],
    "shapes": _shapes,
}
