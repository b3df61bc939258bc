"""The caller's arguments as a template with a slot for each array. Plain Python, not optree: torch.compile traces through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from parity.data.tree import join


@dataclass(frozen=True)
class Slot:
    """Where an array goes in the caller's tree of arguments."""

    name: str


def filled(template: Any, arrays: Mapping[str, Any]) -> Any:
    """The template with an array in each slot."""
    if isinstance(template, Slot):
        return arrays[template.name]
    if isinstance(template, dict):
        return {key: filled(part, arrays) for key, part in template.items()}
    if isinstance(template, tuple) and hasattr(template, "_fields"):
        return type(template)(*[filled(part, arrays) for part in template])
    if isinstance(template, (list, tuple)):
        return type(template)([filled(part, arrays) for part in template])
    return template


def called(
    function: Callable[..., Any], template: Mapping[str, Any], positional: bool, arrays: Mapping[str, Any]
) -> Any:
    """The caller's function on its own arguments."""
    tree = filled(template, arrays)
    return function(*tree.values()) if positional else function(**tree)


def by_name(
    function: Callable[..., Any], template: Mapping[str, Any], positional: bool
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Arrays by name → outputs by name. What is no array is a constant to a compiler."""
    return lambda arrays: named(called(function, template, positional, arrays))


def named(tree: Any, prefix: str = "out") -> dict[str, Any]:
    """Name → leaf, with the names of `parity.data.tree.named_leaves`."""
    if isinstance(tree, Mapping):
        parts = list(tree.items())
    elif isinstance(tree, tuple) and hasattr(tree, "_fields"):
        parts = list(zip(tree._fields, tree, strict=True))
    elif isinstance(tree, (list, tuple)):
        parts = list(enumerate(tree))
    elif is_dataclass(tree) and not isinstance(tree, type):
        parts = [(field.name, getattr(tree, field.name)) for field in fields(tree)]
    else:
        return {prefix: tree}
    found: dict[str, Any] = {}
    for key, part in parts:
        found.update(named(part, join(prefix, (key,))))
    return found
