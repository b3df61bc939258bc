"""Names of leaves: strings for people, kind and path for code."""

from __future__ import annotations

import json

import pytest

from parity.data.leaf import Kind, LeafName


@pytest.mark.parametrize(
    ("name", "kind", "path"),
    [
        ("out", Kind.OUTPUT, ""),
        ("out/loss", Kind.OUTPUT, "loss"),
        ("out/0/grad", Kind.OUTPUT, "0/grad"),
        ("grad/query", Kind.GRADIENT, "query"),
        ("grad/params/out", Kind.GRADIENT, "params/out"),
        ("grad", Kind.GRADIENT, ""),
        ("in/x", Kind.INPUT, "x"),
        ("state/step", Kind.STATE, "step"),
        ("param/w", Kind.PARAMETER, "w"),
        ("training/loss", Kind.OUTPUT, "training/loss"),
        ("gradient/x", Kind.OUTPUT, "gradient/x"),  # a prefix is a whole word
    ],
)
def test_parts(name, kind, path):
    leaf = LeafName(name)
    assert (leaf.kind, leaf.path) == (kind, path)
    assert leaf.is_gradient is (kind is Kind.GRADIENT)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("path", ["", "x", "params/w"])
def test_put_together_and_taken_apart(kind, path):
    leaf = LeafName.of(kind, path)
    assert (leaf.kind, leaf.path) == (kind, path)


def test_it_is_a_string():
    leaf = LeafName.of(Kind.GRADIENT, "x")
    assert leaf == "grad/x"
    assert {leaf: 1}["grad/x"] == 1
    assert json.dumps({"leaf": leaf}) == '{"leaf": "grad/x"}'
