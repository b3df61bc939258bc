"""The caller's inputs: what is taken, what is refused and in which words, and what `wrt` means."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from types import MappingProxyType

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.data.arguments import parse
from parity.errors import InputError

X, Y, N = np.ones((2, 3), np.float32), np.zeros(4), np.arange(3)
Point = namedtuple("Point", "x y")


def function(query, key, value=None):
    return query, key, value


def keyword_only(*, query):
    return query


def variadic(*args):
    return args


@dataclass
class Config:
    w: object


class Foreign:
    """Looks like an array of a framework."""

    def __dlpack__(self):
        raise AssertionError("never called")


class TestNames:
    @pytest.mark.parametrize(
        ("inputs", "names"),
        [
            ((X, Y), ("key", "query")),
            ({"b": X, "a": Y}, ("a", "b")),
            ({"params": {"w": X, "b": [Y, Y]}, "n": 3}, ("n", "params/b/0", "params/b/1", "params/w")),
            ((Point(X, Y), None), ("key", "query/x", "query/y")),
            ({"a/b": X}, ("a~1b",)),
            ((), ()),
        ],
    )
    def test_leaves_are_named_after_the_parameters(self, inputs, names):
        assert tuple(sorted(parse(inputs, (), (function,)).names)) == names

    def test_names_come_from_the_first_function_that_has_enough(self):
        assert parse((X, Y), (), (variadic, function)).names == ("key", "query")
        assert parse((X, Y), (), (keyword_only, variadic)).names == ("0", "1")
        assert parse((X,), (), (np.sin,)).names == parse((X,), (), (np.sin, variadic)).names

    def test_without_a_signature_positions_are_names(self):
        arguments = parse(tuple(np.array(float(i)) for i in range(12)), (), (variadic,))
        assert [float(a) for a in arguments.call(variadic, arguments.tree(arguments.arrays))] == list(range(12))


class TestCall:
    def test_positional_order_is_the_order_of_the_tuple(self):
        arguments = parse((X, Y, N), (), (function,))
        query, key, value = arguments.call(function, arguments.tree({}))
        assert (query.shape, key.shape, value.shape) == ((2, 3), (4,), (3,))

    def test_keywords_go_by_name(self):
        arguments = parse({"value": N, "query": X, "key": Y}, (), (function,))
        query, key, value = arguments.call(function, arguments.tree({}))
        assert (query.shape, key.shape, value.shape) == ((2, 3), (4,), (3,))

    @given(st.permutations(["zeta", "alpha", "mid", "beta"]))
    def test_any_order_of_keywords(self, names):
        arguments = parse({name: np.array(ord(name[0])) for name in names}, (), ())
        found = arguments.call(lambda **kw: kw, arguments.tree({}))
        assert list(found) == names
        assert all(int(found[name]) == ord(name[0]) for name in names)

    def test_arrays_take_the_place_of_the_leaves(self):
        arguments = parse({"params": {"w": X, "n": 3}, "x": Y}, (), ())
        assert arguments.tree({"params/w": "jax's", "x": "too"}) == {"params": {"w": "jax's", "n": 3}, "x": "too"}

    def test_containers_are_new_each_time_and_of_the_same_kind(self):
        given_inputs = {"p": OrderedDict(w=X), "q": [Y], "r": Point(X, Y)}
        arguments = parse(given_inputs, (), ())
        one, other = arguments.tree({}), arguments.tree({})
        for name in given_inputs:
            assert type(one[name]) is type(given_inputs[name])
            assert one[name] is not other[name]
            assert one[name] is not given_inputs[name]

    def test_other_leaves_are_handed_on_as_they_are(self):
        config = object()
        arguments = parse({"f": np.tanh, "c": config, "s": "mean", "n": 4, "b": True, "z": None, "e": 0.5}, "all", ())
        found = arguments.tree({})
        assert found == {"f": np.tanh, "c": config, "s": "mean", "n": 4, "b": True, "z": None, "e": 0.5}
        assert arguments.arrays == {}


class TestLeaves:
    @pytest.mark.parametrize(
        "dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16, np.int8, np.uint16, bool, np.complex64]
    )
    def test_numbers_are_taken(self, dtype):
        array = np.ones(3).astype(dtype)
        (leaf,) = parse({"x": array}, (), ()).leaves
        assert leaf.dtype == dtype
        assert leaf.tobytes() == array.tobytes()

    def test_scalars_become_arrays(self):
        (leaf,) = parse({"x": np.float32(2.5)}, "all", ()).leaves
        assert isinstance(leaf, np.ndarray)
        assert leaf.shape == ()
        assert leaf == 2.5

    def test_copies_at_once(self):
        array = np.zeros(3)
        arguments = parse((array,), (), (function,))
        array[:] = 7
        assert not arguments.arrays["query"].any()

    @pytest.mark.parametrize(
        ("inputs", "words"),
        [
            (X, "inputs: got ndarray, expected a tuple .* one array x is passed as \\(x,\\)"),
            ([X], "inputs: got list, expected a tuple"),
            (None, "inputs: got NoneType, expected a tuple"),
            (Point(X, Y), "inputs: got Point, expected a tuple"),
            ({1: X}, "inputs: got the key 1, expected parameter names \\(str\\)"),
            ({"x": np.array(["a"])}, "inputs: x has dtype <U1, expected floats, integers, booleans or complex"),
            ({"x": np.array([None])}, "inputs: x has dtype object, expected floats"),
            ({"x": np.zeros(2, "M8[s]")}, "inputs: x has dtype datetime64\\[s\\], expected floats"),
            ({"x": np.zeros(2, ml_dtypes.float8_e4m3fn)}, "inputs: x has dtype float8_e4m3fn, expected floats"),
            ({"x": np.zeros(2, [("a", float)])}, "inputs: x has dtype .*, expected floats"),
            ({"p": {"w": Foreign()}}, "inputs: p/w is a .*Foreign, expected a NumPy array.*convert it with np.asarray"),
            ({"p": {1: X, "1": Y}}, "inputs: two leaves of the tree have the name 'p/1'"),
            ({"p": MappingProxyType({"a": X, "b": Y})}, "inputs: .*use one of these"),
            ({"p": MappingProxyType({"a": X})}, "inputs: .*use one of these"),
            ({"p": MappingProxyType({})}, "inputs: .*use one of these"),
            ({"p": Config(X)}, "inputs: .*use one of these"),
            ({"a": MappingProxyType({}), "p": MappingProxyType({"a": X, "b": Y})}, "inputs: .*use one of these"),
        ],
    )
    def test_what_is_refused(self, inputs, words):
        with pytest.raises(InputError, match=words):
            parse(inputs, (), (function,))


WRT_INPUTS = {"x": X, "params": {"w": Y, "b": [X, N]}, "n": N, "half": np.zeros(2, ml_dtypes.bfloat16), "k": 3}


class TestWrt:
    @pytest.mark.parametrize(
        ("wrt", "expected"),
        [
            ("all", {"x", "params/w", "params/b/0", "half"}),
            ((), set()),
            ([], set()),
            ("x", {"x"}),
            ("params", {"params/w", "params/b/0"}),
            ("params/b", {"params/b/0"}),
            (("half", "params/w"), {"half", "params/w"}),
            (0, {"x"}),
            (1, {"params/w", "params/b/0"}),
            (-2, {"half"}),
            ((0, "x"), {"x"}),
            ({"x"}, {"x"}),
        ],
    )
    def test_selects_floating_leaves(self, wrt, expected):
        found = parse(WRT_INPUTS, wrt, ()).wrt
        assert set(found) == expected
        assert len(found) == len(expected)

    @pytest.mark.parametrize(
        ("wrt", "named"),
        [
            ("query", "'query'"),
            ("para", "'para'"),
            ("n", "'n'"),
            (2, "2"),
            (5, "5"),
            (-6, "-6"),
            (True, "True"),
            (("x", "y"), "'y'"),
            (("all",), "'all'"),
            ((None,), "None"),
            (None, "None"),
            (1.5, "1.5"),
        ],
    )
    def test_refuses_what_is_no_floating_input(self, wrt, named):
        with pytest.raises(InputError, match=f"wrt: got {named}, expected names or positions of floating inputs"):
            parse(WRT_INPUTS, wrt, ())

    def test_says_what_there_is(self):
        with pytest.raises(InputError, match=r"there are: query$"):
            parse((X, N), "keys", (function,))
        with pytest.raises(InputError, match=r"there are: none$"):
            parse((N,), "keys", (function,))

    def test_positions_are_those_of_the_tuple(self):
        assert parse((X, Y), 0, (function,)).wrt == ("query",)
        assert parse((X, Y), 1, (function,)).wrt == ("key",)
        assert parse((X, Y), 1, (variadic,)).wrt == ("1",)


def test_inputs_that_are_all_the_same_number():
    inputs = (np.ones((2, 2), np.float32), np.array([1.0, 2.0]), np.ones(1), np.ones(3, np.int32))
    assert parse(inputs, (), [lambda a, b, c, d: a]).constant() == ["a"]


def test_inputs_that_are_their_own_transpose():
    one = np.arange(9.0).reshape(3, 3)
    inputs = (one, one + one.T, np.ones((2, 2)), np.arange(4), np.stack([one + one.T] * 2))
    assert parse(inputs, (), [lambda a, b, c, d, e: a]).symmetric() == ["b", "e"]
