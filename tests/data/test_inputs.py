"""The seeded numbers: the same for ever, one stream a name, exact in float32."""

from __future__ import annotations

import re
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.data import inputs
from parity.data.inputs import cotangent, jittered, normal, permutation, seeded_inputs
from parity.spec import Array, Op

SIZES = {"B": 3, "T": 5, "C": 7}
PINNED = [-0.15272200107574463, -0.4031680226325989, -2.3088066577911377]
PINNED_ORDER = [1, 4, 2, 0, 3]


def op(**specs):
    return Op(inputs=specs, outputs="B", sizes=(SIZES,), reference=lambda: None, source="")


def test_the_numbers_never_change():
    # Stored results and reports of other days rest on these values.
    assert normal((3,), 0, "query").tolist() == PINNED
    assert permutation(5, 1, "batches").tolist() == PINNED_ORDER


def test_standard_normal_float32():
    values = normal((10000,), 1, "x")
    assert values.dtype == np.float32
    assert abs(values.mean()) < 0.05
    assert abs(values.std() - 1) < 0.05


@given(st.integers(0, 50), st.integers(0, 50), st.sampled_from(["x", "y", "grad/x"]), st.sampled_from(["x", "y"]))
@settings(max_examples=25)
def test_seed_and_name_make_the_values(seed, other_seed, name, other_name):
    same = (seed, name) == (other_seed, other_name)
    assert np.array_equal(normal((4,), seed, name), normal((4,), other_seed, other_name)) is same


def test_tree_of_inputs():
    found = seeded_inputs(
        op(
            x="B T",
            params={"w": Array("T C", scale=0.5), "deep": {"b": "C"}},
            labels=Array("B", below="C"),
            n=4,
            f=None,
        ),
        SIZES,
    )
    assert list(found) == ["x", "params", "labels", "n", "f"]
    assert found["x"].shape == (3, 5)
    assert found["params"]["w"].shape == (5, 7)
    assert found["params"]["deep"]["b"].shape == (7,)
    assert found["labels"].dtype == np.int64
    assert (found["n"], found["f"]) == (4, None)
    for array in (found["x"], found["params"]["w"], found["params"]["deep"]["b"]):
        assert array.dtype == np.float32


def test_scale_is_the_standard_deviation():
    wide, narrow = (seeded_inputs(op(x=Array("B T", scale=s)), SIZES)["x"] for s in (1.0, 0.25))
    np.testing.assert_array_equal(narrow, wide * np.float32(0.25))


def test_integers_are_below_and_reach_the_ends():
    values = seeded_inputs(op(y=Array("N", below="C")), {"N": 500, "C": 7})["y"]
    assert set(values.tolist()) == set(range(7))


def test_another_argument_changes_no_value():
    alone = seeded_inputs(op(x="B T"), SIZES)
    with_more = seeded_inputs(op(a="T", x="B T", z="C"), SIZES)
    np.testing.assert_array_equal(alone["x"], with_more["x"])


def test_seeds_differ():
    one, other = (seeded_inputs(op(x="B T"), SIZES, seed)["x"] for seed in (0, 1))
    assert not np.array_equal(one, other)


def test_same_seed_same_bits():
    one, other = (seeded_inputs(op(x="B T"), SIZES, 3)["x"] for _ in range(2))
    assert one.tobytes() == other.tobytes()
    assert one is not other


def test_a_cotangent_for_each_leaf():
    one, other = cotangent("out/0", (8,)), cotangent("out/1", (8,))
    assert one.dtype == np.float32
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(one, cotangent("out/0", (8,)))
    assert not np.array_equal(cotangent("x", (8,)), normal((8,), 0, "x"))  # never the input itself


@pytest.mark.parametrize("shape", [(8,), ()])
def test_a_complex_cotangent_has_two_parts_of_its_own(shape):
    found = cotangent("out", shape, True)
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.complex64
    np.testing.assert_array_equal(found.real, cotangent("out", shape))
    assert (found.real != found.imag).all()
    assert found.imag.all()


class TestJittered:
    @pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16])
    def test_each_value_moves_by_a_fraction_of_itself(self, dtype):
        array = np.array([1.0, -1024.0, 2.0**-10, 0.0] * 50).astype(dtype)
        before = array.tobytes()
        moved = jittered("x", array, 1, 2.0**-5)
        assert moved.dtype == np.float64
        assert array.tobytes() == before
        wide = array.astype(np.float64)
        relative = (moved - wide)[wide != 0] / wide[wide != 0]
        assert 0.5 * 2.0**-5 < np.sqrt(np.mean(relative**2)) < 2 * 2.0**-5
        np.testing.assert_array_equal(moved[wide == 0], 0)

    def test_integers_and_booleans_stay(self):
        for array in (np.arange(5), np.array([True, False])):
            np.testing.assert_array_equal(jittered("n", array, 1, 0.5), array)

    def test_complex(self):
        moved = jittered("z", np.array([1 + 1j, 2 - 1j]), 1, 0.1)
        assert moved.dtype == np.complex128
        assert (moved != [1 + 1j, 2 - 1j]).all()
        moved = jittered("z", np.array([1.0 + 0j, 0, -2.0]), 1, 0.1)  # in any direction, and zeros stay
        assert moved[[0, 2]].imag.all()
        assert moved[1] == 0
        assert np.abs(moved - [1, 0, -2]).max() < 0.8

    def test_copies_differ_and_are_repeatable(self):
        array = np.ones(6)
        one, two = jittered("x", array, 1, 0.1), jittered("x", array, 2, 0.1)
        assert not np.array_equal(one, two)
        assert not np.array_equal(one, jittered("y", array, 1, 0.1))
        np.testing.assert_array_equal(one, jittered("x", array, 1, 0.1))

    def test_infinity_and_nan_stay_without_a_warning(self):
        moved = jittered("x", np.array([np.inf, np.nan]), 1, 0.1)
        assert np.isinf(moved[0])
        assert np.isnan(moved[1])


@given(st.integers(0, 40), st.integers(0, 9))
def test_permutation(size, seed):
    order = permutation(size, seed, "x")
    assert sorted(order.tolist()) == list(range(size))


def test_permutations_differ():
    assert not np.array_equal(permutation(30, 0, "x"), permutation(30, 1, "x"))
    assert not np.array_equal(permutation(30, 0, "x"), permutation(30, 0, "y"))


def test_nothing_else_makes_random_numbers():
    """But for the fault catalogue's functions, which bring their own inputs; random numbers inside of vmap; and what finds
    hidden ones, which looks at the generators."""
    root = Path(inputs.__file__).parents[1]
    sources = {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*.py")}
    users = {name for name, text in sources.items() if re.search(r"\brandom\.|default_rng|import random\b", text)}
    expected = {"data/inputs.py", "transforms/in_jax/vmap.py", "transforms/in_torch/vmap.py", "transforms/state.py"}
    expected |= {"execution/draws.py"}
    assert {name for name in users if not name.startswith("power/functions/")} == expected
