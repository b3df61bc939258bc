"""The caller's inputs: checked once, leaves named, and bound again for each call with fresh copies."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optree

from parity.data.dtypes import is_floating, is_inexact
from parity.data.template import Slot, by_name
from parity.data.tree import named_leaves
from parity.errors import InputError


@dataclass(frozen=True)
class Arguments:
    """The inputs of both functions.

    Attributes:
        names: the name of each leaf, for example `query` or `params/w`.
        leaves: NumPy arrays, and whatever else is handed on as it is.
        wrt: the names of the leaves to differentiate.
    """

    positional: bool
    names: tuple[str, ...]
    leaves: tuple[Any, ...]
    structure: Any
    wrt: tuple[str, ...]

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The leaves that are NumPy arrays, by name."""
        return {n: leaf for n, leaf in zip(self.names, self.leaves, strict=True) if isinstance(leaf, np.ndarray)}

    def constant(self) -> list[str]:
        """Floating inputs of more than one element that are all the same number."""
        return [
            name
            for name, array in self.arrays.items()
            if is_inexact(array.dtype) and array.size > 1 and (array == array.flat[0]).all()
        ]

    def symmetric(self) -> list[str]:
        """Floating inputs that are equal to their own transpose in the last two axes, and are not constant."""
        constant = self.constant()
        return [
            name
            for name, array in self.arrays.items()
            if is_inexact(array.dtype) and array.ndim > 1 and array.size > 1 and name not in constant
            if array.shape[-1] == array.shape[-2] and (array == array.swapaxes(-1, -2)).all()
        ]

    def tree(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Parameter → value, in containers of their own, with `arrays` in place of the NumPy ones."""
        leaves = [arrays.get(name, leaf) for name, leaf in zip(self.names, self.leaves, strict=True)]
        tree: Any = optree.tree_unflatten(self.structure, leaves)
        return tree

    def by_name(self, function: Callable[..., Any]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        """The function on arrays by name, which returns its outputs by name; compilers trace through it."""
        return by_name(function, self.tree({name: Slot(name) for name in self.arrays}), self.positional)

    def call(self, function: Callable[..., Any], tree: Mapping[str, Any]) -> Any:
        """The result of the function on this tree of arguments."""
        return function(*tree.values()) if self.positional else function(**tree)


def parse(inputs: Any, wrt: Any, functions: Sequence[Callable[..., Any]]) -> Arguments:
    """Checks `inputs` and `wrt`; `functions` lend the parameter names of positional inputs.

    Raises:
        InputError: not a tuple or mapping, a leaf that is an array of a framework or of objects, or an unknown `wrt`.
    """
    tree: Any
    if isinstance(inputs, Mapping):
        positional, tree = False, dict(inputs)
        for key in tree:
            if not isinstance(key, str):
                raise InputError(f"inputs: got the key {key!r}, expected parameter names (str) in a mapping")
    elif isinstance(inputs, tuple) and not hasattr(inputs, "_fields"):
        positional, tree = True, dict(zip(_parameter_names(functions, len(inputs)), inputs, strict=True))
    else:
        raise InputError(
            f"inputs: got {type(inputs).__name__}, expected a tuple (positional) or a mapping (keyword) of NumPy arrays; "
            "one array x is passed as (x,)"
        )
    leaves, structure = optree.tree_flatten(tree, none_is_leaf=True)
    try:
        named = named_leaves(tree)
    except ValueError as error:
        raise InputError(f"inputs: {error}") from error
    # named_leaves opens what optree does not: such a container could not be bound again with other leaves.
    if len(named) != len(leaves) or any(one is not other for one, other in zip(named.values(), leaves, strict=True)):
        raise InputError("inputs: got a container that is neither dict, list, tuple nor namedtuple; use one of these")
    names = tuple(named)
    checked = tuple(_check_leaf(name, leaf) for name, leaf in zip(names, leaves, strict=True))
    arguments = Arguments(positional, names, checked, structure, ())
    return Arguments(positional, names, checked, structure, _select(arguments, wrt, list(tree)))


def _parameter_names(functions: Sequence[Callable[..., Any]], count: int) -> list[str]:
    """The parameter names of the first function that tells them, else positions."""
    for function in functions:
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            continue
        names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:count]
        if len(names) == count:
            return names
    return [str(position) for position in range(count)]


def _check_leaf(name: str, leaf: Any) -> Any:
    if isinstance(leaf, (np.ndarray, np.generic)):
        array = np.array(leaf)  # a copy: the caller's array is never handed out
        if array.dtype.kind in "fiubc" or is_floating(array.dtype):
            return array
        raise InputError(
            f"inputs: {name} has dtype {array.dtype}, expected floats, integers, booleans or complex numbers"
        )
    if hasattr(leaf, "__dlpack__") or hasattr(leaf, "__jax_array__"):
        kind = f"{type(leaf).__module__}.{type(leaf).__qualname__}"
        raise InputError(
            f"inputs: {name} is a {kind}, expected a NumPy array, so that both sides start from the same bits; "
            "convert it with np.asarray(x) (jax) or x.detach().cpu().numpy() (torch)"
        )
    return leaf


def _select(arguments: Arguments, wrt: Any, parameters: list[str]) -> tuple[str, ...]:
    """Names of the floating leaves, real or complex, that `wrt` means."""
    floating = [name for name, array in arguments.arrays.items() if is_inexact(array.dtype)]
    if isinstance(wrt, str) and wrt == "all":
        return tuple(floating)
    wanted: list[str] = []
    for item in tuple(wrt) if isinstance(wrt, Iterable) and not isinstance(wrt, str) else (wrt,):
        if isinstance(item, int) and not isinstance(item, bool) and -len(parameters) <= item < len(parameters):
            name = parameters[item]
        else:
            name = str(item)
        chosen = [leaf for leaf in floating if leaf == name or leaf.startswith(f"{name}/")]
        if not chosen:
            raise InputError(
                f"wrt: got {item!r}, expected names or positions of floating inputs; there are: {', '.join(floating) or 'none'}"
            )
        wanted += [leaf for leaf in chosen if leaf not in wanted]
    return tuple(wanted)
