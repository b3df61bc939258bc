"""What the functions of the cells can ask for, by the name of a parameter.

| functions | |
|---|---|
| `f` | the operation: varied inputs by name → floating outputs by name |
| `loss` | x ↦ Σ ⟨cotangent, sin f(x)⟩, a smooth scalar with derivatives of every order |
| `f_of_one`, `loss_of_one` | the same as functions of the smallest varied input alone |
| `whole` | all arrays of the operation by name, integers too → its outputs by name |
| `flexible` | takes `shapes`: three inputs of two shapes and, the third, of another dtype |
| `subject` | the caller's functions and inputs as they were given |

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
from parity.transforms.subject import EXAMPLES, NotApplicable, Subject, Tree, stacked


class Fixtures:
    """One framework's functions and arrays for one subject. To be used inside `adapter.settings("float64")`."""

    def __init__(self, subject: Subject, side: str) -> None:
        self.subject, self.side = subject, side
        self.adapter = backends.get(side)
        self.kit: Any = importlib.import_module(f"parity.transforms.in_{side}.kit")
        self._shapes: dict[str, tuple[int, ...]] = {}

    def get(self, name: str) -> Any:
        """The fixture; functions and arrays are new each time, so that no cell finds what another compiled or wrote.

        Raises:
            NotApplicable: this subject has no such thing.
        """
        if name in VALUES:
            return self.converted(VALUES[name](self.subject))
        made = getattr(self, name)
        return made() if inspect.ismethod(made) else made

    def converted(self, tree: Any) -> Any:
        """NumPy arrays in a tree as the framework's own."""

        def convert(leaf: Any) -> Any:
            return self.adapter.from_numpy(leaf) if isinstance(leaf, np.ndarray) else leaf

        return optree.tree_map(convert, tree, none_is_leaf=True)

    def f(self) -> Callable[..., Any]:
        if not self.subject.varied:
            raise NotApplicable("no input is a floating array")
        constants = {n: array for n, array in self.subject.arrays.items() if n not in self.subject.varied}
        return self.kit.operation(self.subject, self.converted(constants), floating=True)

    def whole(self) -> Callable[..., Any]:
        return self.kit.operation(self.subject, {}, floating=False)

    def flexible(self) -> Callable[..., Any]:
        return self.whole() if self.subject.another else self.kit.mapped(self.whole())

    def loss(self) -> Callable[..., Any]:
        return self.kit.scalar(self.f(), self.cotangent())

    def f_of_one(self) -> Callable[..., Any]:
        _differentiable(self.subject)
        return self.kit.of_one(self.f(), self.get("x"), self.subject.smallest)

    def loss_of_one(self) -> Callable[..., Any]:
        return self.kit.of_one(self.loss(), self.get("x"), self.subject.smallest)

    def cotangent(self, prefix: str = "") -> Any:
        _differentiable(self.subject)
        made = {n: cotangent(f"{prefix}{n}", shape).astype(np.float64) for n, shape in self.output_shapes().items()}
        return self.converted(made)

    def cotangents(self) -> Any:
        return [self.cotangent(f"{number}/") for number in range(EXAMPLES)]

    def axes_out(self) -> dict[str, int]:
        return {name: min(1, len(shape)) for name, shape in self.output_shapes().items()}

    def output_shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the floating outputs, from one eager call."""
        if not self._shapes:
            out = self.f()(self.get("x"))
            self._shapes = {name: tuple(leaf.shape) for name, leaf in out.items()}
        if not self._shapes:
            raise NotApplicable("no output is a floating array")
        return self._shapes


def _differentiable(subject: Subject) -> None:
    if not subject.arguments.wrt:
        raise NotApplicable("no floating input is differentiated")


def _tangent(subject: Subject, number: int = 0) -> Tree:
    _differentiable(subject)
    return subject.tangent(number)


def _examples(subject: Subject, count: int = EXAMPLES) -> list[Tree]:
    if not subject.varied:
        raise NotApplicable("no input is a floating array")
    return [subject.example(number) for number in range(count)]


def _batch_1(subject: Subject) -> Tree:
    scalars = [name for name in subject.varied if subject.arrays[name].ndim == 0]
    if scalars:
        raise NotApplicable(f"{scalars[0]} is a scalar: a batch of it has no second axis")
    return stacked(_examples(subject), 1)


def _grid(subject: Subject) -> Tree:
    examples = _examples(subject, 2 * EXAMPLES)
    return stacked([stacked(examples[:EXAMPLES], 0), stacked(examples[EXAMPLES:], 0)], 0)


def _first(subject: Subject) -> Tree:
    if len(subject.varied) < 2:
        raise NotApplicable("there is only one floating input to vary")
    return {subject.varied[0]: stacked(_examples(subject), 0)[subject.varied[0]]}


def _rest(subject: Subject) -> Tree:
    return {name: subject.arrays[name] for name in subject.varied[1:]}


def _tree_axes(subject: Subject) -> dict[str, int | None]:
    """Last, none, first, and so on: at least one leaf is mapped."""
    return {name: (-1, None, 0)[number % 3] for number, name in enumerate(subject.varied)}


def _tree(subject: Subject) -> Tree:
    examples, found = _examples(subject), {}
    for name, axis in _tree_axes(subject).items():
        found[name] = subject.arrays[name] if axis is None else stacked(examples, axis)[name]
    return found


def _tree_examples(subject: Subject) -> list[Tree]:
    kept = {name: subject.arrays[name] for name, axis in _tree_axes(subject).items() if axis is None}
    return [{**example, **kept} for example in _examples(subject)]


def _several(subject: Subject) -> tuple[int, int]:
    if len(subject.varied) < 2:
        raise NotApplicable("there is only one input to differentiate")
    return (0, len(subject.varied) - 1)


def _shapes(subject: Subject) -> list[Tree]:
    """The given shapes, others, and the given ones in float32."""
    if subject.another is not None:
        given, other = subject.arrays, {n: cast(a, "float64") for n, a in subject.another.arrays.items()}
    else:
        given, other = (stacked([subject.arrays] * count, 0) for count in (EXAMPLES, EXAMPLES - 1))
    lower = {name: cast(array, "float32") for name, array in given.items()}
    if all(lower[name].dtype == given[name].dtype for name in given):
        raise NotApplicable("no input is a floating array: there is no other dtype to compile for")
    return [given, other, lower]


VALUES: Mapping[str, Callable[[Subject], Any]] = {
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
