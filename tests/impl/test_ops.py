"""Every operation × sizes × backend: the eager float64 implementation is the reference, and the spec is sane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import optree
import pytest

from parity import ops
from parity.data.inputs import seeded_inputs
from parity.spec import Array
from tests.frameworks import framework, scaled_error, to_float64

CASES = [
    pytest.param(name, sizes, id=f"{name}-{i}") for name in ops.names() for i, sizes in enumerate(ops.load(name).sizes)
]


def axis_strings(tree: Any) -> list[str]:
    if isinstance(tree, Mapping):
        tree = tuple(tree.values())
    if isinstance(tree, tuple):
        return [axes for part in tree for axes in axis_strings(part)]
    if isinstance(tree, Array):
        return [tree.axes]
    return [tree] if isinstance(tree, str) else []


def test_there_are_operations():
    assert {"attention", "batched_attention", "attention_gradient", "multi_head_batched", "train_step"} <= set(
        ops.names()
    )


@pytest.mark.parametrize(("name", "sizes"), CASES)
def test_implementation_is_the_reference(backend, name, sizes):
    op = ops.load(name)
    inputs = to_float64(seeded_inputs(op, sizes))
    actual = framework(backend).run(op.implementation(backend), inputs)
    assert {leaf.dtype for leaf in optree.tree_leaves(actual)} == {np.dtype("float64")}
    assert scaled_error(actual, op.reference(**inputs)) <= 1e-12


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ops.names())
def test_dtype_is_kept(backend, name, dtype):
    op = ops.load(name)
    inputs = seeded_inputs(op, op.sizes[0])
    actual = framework(backend).run(op.implementation(backend), inputs, dtype)
    assert {leaf.dtype.name for leaf in optree.tree_leaves(actual)} == {dtype}
    # A gradient adds up some ten roundings, each of at most half a unit in the last place.
    rounding = {"float32": 2.0**-24, "bfloat16": 2.0**-8}[dtype]
    assert scaled_error(actual, op.reference(**to_float64(inputs))) <= 20 * rounding


@pytest.mark.parametrize(("name", "sizes"), CASES)
def test_reference_has_the_shapes_of_the_spec(name, sizes):
    op = ops.load(name)
    out = op.reference(**to_float64(seeded_inputs(op, sizes)))
    expected = optree.tree_map(lambda axes: Array(axes).shape(sizes), op.outputs)
    assert optree.tree_map(np.shape, out) == expected
    assert {np.asarray(leaf).dtype for leaf in optree.tree_leaves(out)} == {np.dtype("float64")}


@pytest.mark.parametrize(("name", "sizes"), CASES)
def test_sizes_are_those_of_the_axes(name, sizes):
    op = ops.load(name)
    used = {axis for axes in axis_strings((op.inputs, op.outputs)) for axis in axes.split()}
    assert set(sizes) == used
    # Different sizes, so that no swapped axis fits. One key would make every weight 1, whatever the logits are.
    assert len(set(sizes.values())) == len(sizes)
    assert sizes.get("S", 2) > 1
    assert sizes.get("B", 2) > 1


@pytest.mark.parametrize("name", ops.names())
def test_first_sizes_are_primes(name):
    sizes = dict(ops.load(name).sizes[0])
    sizes.pop("D", None)  # the heads divide it
    assert all(size > 1 and all(size % factor for factor in range(2, size)) for size in sizes.values()), sizes
