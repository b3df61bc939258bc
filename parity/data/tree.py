"""Names for the leaves of a tree: `{"params": {"w": x}}` ↔ `{"params/w": x}`. Everything is compared by these names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import optree


def join(prefix: str, keys: Iterable[object]) -> str:
    """`prefix/key/key…`; a slash inside a key is written `~1` and a tilde `~0`, as in a JSON pointer."""
    escaped = (str(key).replace("~", "~0").replace("/", "~1") for key in keys)
    return "/".join([prefix, *escaped] if prefix else escaped)


def add_leaf(named: dict[str, Any], name: str, leaf: Any) -> None:
    """Adds a leaf; two leaves of one name (the keys 1 and "1") cannot be told apart and are an error."""
    if name in named:
        raise ValueError(f"two leaves of the tree have the name {name!r}; rename one key")
    named[name] = leaf


def named_leaves(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Name → leaf, in the order of the tree. `None` is a leaf; so that nothing is lost, unregistered mappings
    (such as a model's output class) and dataclasses are opened too."""
    accessors, leaves, _ = optree.tree_flatten_with_accessor(tree, none_is_leaf=True)
    named: dict[str, Any] = {}
    for accessor, leaf in zip(accessors, leaves, strict=True):
        name = join(prefix, (getattr(entry, "field", entry.entry) for entry in accessor))
        if isinstance(leaf, Mapping):
            opened: Mapping[str, Any] = dict(leaf)
        elif is_dataclass(leaf) and not isinstance(leaf, type):
            opened = {field.name: getattr(leaf, field.name) for field in fields(leaf)}
        else:
            add_leaf(named, name, leaf)
            continue
        for inner, value in named_leaves(opened, name).items():
            add_leaf(named, inner, value)
    return named


def nested(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """`{"params/w": x}` → `{"params": {"w": x}}`: what `named_leaves` names in a tree of dicts."""
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        *groups, last = name.split("/")
        at = tree
        for group in groups:
            at = at.setdefault(group, {})
        at[last] = array
    return tree
