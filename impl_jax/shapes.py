"""What shapes an operation accepts, checked in plain Python, so that a compiler sees no trace of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def check_shapes(axes: Mapping[str, Any], arrays: Sequence[Any]) -> None:
    """Every array has the axes of its name, every axis letter has one size, and no axis is empty.

    An axis string may be a nested dictionary of axis strings; its array is then a dictionary with the same keys.

    Raises:
        ValueError: names the argument, what came, what was expected and the remedy.
    """
    sizes: dict[str, tuple[int, str]] = {}
    for name, letters, array in _leaves(axes, dict(zip(axes, arrays, strict=True))):
        shape, expected = tuple(array.shape), f"[{', '.join(letters.split())}]"
        if len(shape) != len(letters.split()):
            remedy = f"reshape {name}, or use vmap for further axes"
            raise ValueError(f"{name}: got shape {shape}, expected {len(letters.split())} axes {expected}; {remedy}")
        for axis, size in zip(letters.split(), shape, strict=True):
            if size == 0:
                remedy = f"leave the call out where there is nothing along {axis}"
                raise ValueError(f"{name}: got shape {shape}, expected {expected} with {axis} >= 1; {remedy}")
            known, owner = sizes.setdefault(axis, (size, name))
            if size != known:
                remedy = f"give {name} and {owner} the same {axis}"
                raise ValueError(f"{name}: got {axis} = {size}, expected {axis} = {known} as in {owner}; {remedy}")


def check_heads(num_heads: int, width: int) -> None:
    """`num_heads` is a Python int that divides the model width.

    Raises:
        ValueError: lists the head counts that fit.
    """
    if not isinstance(num_heads, int):
        remedy = "pass it as a constant, not as an array; under a compiler it is a static argument"
        raise ValueError(f"num_heads: got {type(num_heads).__name__}, expected int; {remedy}")
    if num_heads < 1 or width % num_heads != 0:
        fitting = ", ".join(str(count) for count in range(1, width + 1) if width % count == 0)
        raise ValueError(f"num_heads: got {num_heads}, expected a divisor of D = {width}; choose one of {fitting}")


def _leaves(axes: Mapping[str, Any], arrays: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    if not isinstance(arrays, Mapping) or set(arrays) != set(axes):
        found = sorted(arrays) if isinstance(arrays, Mapping) else type(arrays).__name__
        remedy = "add what is missing, remove what is unknown"
        raise ValueError(f"{path[:-1]}: got {found}, expected a dictionary with the keys {sorted(axes)}; {remedy}")
    for name, letters in axes.items():
        if isinstance(letters, str):
            yield f"{path}{name}", letters, arrays[name]
        else:
            yield from _leaves(letters, arrays[name], f"{path}{name}/")
