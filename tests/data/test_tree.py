"""Names of leaves: every leaf has one, no two have the same, and no container hides a leaf."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.data.tree import add_leaf, join, named_leaves

Pair = namedtuple("Pair", "first second")
KEYS = st.text("ab/~01", max_size=4)
TREES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=12,
)


@dataclass
class Output:
    loss: object
    logits: object


@pytest.mark.parametrize(
    ("prefix", "keys", "expected"),
    [
        ("out", [], "out"),
        ("out", [0, "w"], "out/0/w"),
        ("", ["params", 1], "params/1"),
        ("out", ["a/b"], "out/a~1b"),
        ("out", ["a~b"], "out/a~0b"),
        ("out", ["~1"], "out/~01"),
    ],
)
def test_join(prefix, keys, expected):
    assert join(prefix, keys) == expected


@given(st.lists(KEYS, max_size=3), st.lists(KEYS, max_size=3))
def test_different_paths_have_different_names(one, other):
    assert (join("out", one) == join("out", other)) == (one == other)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (7, {"out": 7}),
        (None, {"out": None}),
        ((1, [2, None]), {"out/0": 1, "out/1/0": 2, "out/1/1": None}),
        ({"b": 1, "a": {"c": 2}}, {"out/b": 1, "out/a/c": 2}),
        (Pair(1, 2), {"out/first": 1, "out/second": 2}),
        (OrderedDict(b=1, a=2), {"out/b": 1, "out/a": 2}),
        (defaultdict(int, a=1), {"out/a": 1}),
        (Output(1, {"x": 2}), {"out/loss": 1, "out/logits/x": 2}),
        ([MappingProxyType({"a": Output(1, 2)})], {"out/0/a/loss": 1, "out/0/a/logits": 2}),
        ({1: "one", 2: "two"}, {"out/1": "one", "out/2": "two"}),
        ({}, {}),
        ((), {}),
        (Output, {"out": Output}),
    ],
)
def test_named_leaves(tree, expected):
    assert named_leaves(tree, "out") == expected


def test_without_prefix():
    assert named_leaves({"query": 1, "params": {"w": 2}}) == {"query": 1, "params/w": 2}


@pytest.mark.parametrize(
    ("tree", "name"), [({1: "a", "1": "b"}, "out/1"), ({"p": MappingProxyType({1: "a", "1": "b"})}, "out/p/1")]
)
def test_two_leaves_of_one_name_are_an_error(tree, name):
    with pytest.raises(ValueError, match=f"two leaves of the tree have the name '{name}'"):
        named_leaves(tree, "out")


def test_add_leaf_keeps_the_first():
    named = {"out": 1}
    with pytest.raises(ValueError, match="rename one key"):
        add_leaf(named, "out", 2)
    assert named == {"out": 1}


def leaves_by_hand(tree, path=()):
    if isinstance(tree, dict):
        return {p: leaf for key, part in tree.items() for p, leaf in leaves_by_hand(part, (*path, key)).items()}
    if isinstance(tree, list | tuple):
        return {p: leaf for i, part in enumerate(tree) for p, leaf in leaves_by_hand(part, (*path, i)).items()}
    return {path: tree}


@given(TREES)
def test_every_leaf_is_named_once(tree):
    expected = leaves_by_hand(tree)
    actual = named_leaves(tree, "out")
    assert actual == {join("out", path): leaf for path, leaf in expected.items()}
    assert len(actual) == len(expected)
