"""Saved inputs come back bit for bit, and a failed check says in one line how to repeat it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import parity
from parity.data import cases
from parity.data.tree import named_leaves
from parity.errors import InputError

DTYPES = (np.float64, np.float32, np.float16, ml_dtypes.bfloat16, np.int64, np.uint8, np.bool_, np.complex64)


def array(dtype, data):
    return np.frombuffer(data, np.uint8) > 99 if dtype is np.bool_ else np.frombuffer(data, dtype)


ARRAYS = st.builds(array, st.sampled_from(DTYPES), st.binary(min_size=16, max_size=16))
LEAVES = ARRAYS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


def same(actual, expected):
    if isinstance(expected, np.ndarray):
        return (actual.dtype, actual.shape, actual.tobytes()) == (expected.dtype, expected.shape, expected.tobytes())
    if isinstance(expected, dict):
        return list(actual) == list(expected) and all(same(actual[key], expected[key]) for key in expected)
    if isinstance(expected, (list, tuple)):
        return type(actual) is type(expected) and len(actual) == len(expected) and all(map(same, actual, expected))
    return type(actual) is type(expected) and actual == expected


@given(st.lists(TREES, min_size=1, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=3), TREES, max_size=3))
def test_round_trip(tmp_path_factory, inputs):
    path = cases.save_case(inputs, "a check / of mine", tmp_path_factory.getbasetemp())
    assert same(cases.load_case(path), inputs)
    assert path.name.startswith("a-check---of-mine-")


def test_the_same_inputs_have_the_same_name(tmp_path):
    first, again, other = (cases.save_case({"x": np.arange(n)}, "f", tmp_path) for n in (3, 3, 4))
    assert first == again != other


def test_a_plain_file_of_arrays_is_a_mapping(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.arange(3.0))
    assert named_leaves(cases.load_case(tmp_path / "x.npz")).keys() == {"x"}


def test_a_function_cannot_be_saved():
    with pytest.raises(InputError, match="inputs/1 is a function, which a file cannot hold"):
        cases.dump((1, lambda x: x))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_damaged_file(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"cannot read .*x\.npz"):
        cases.load_case(tmp_path / "x.npz")


def test_no_pickle_is_loaded(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.array([print], dtype=object))
    with pytest.raises(InputError, match="allow_pickle"):
        cases.load_case(tmp_path / "x.npz")


MODULE = """
def double(x, params):
    return x * params["scale"][0]

def triple(x, params):
    return x * params["scale"][0] * 1.5
"""


@pytest.mark.both
def test_a_failed_check_is_replayed_by_its_own_line(tmp_path, monkeypatch):
    (tmp_path / "replayed.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARITY_CACHE_DIR", "my cache")
    import replayed

    inputs = (np.array([1.0, 1 / 3], np.float32), {"scale": [np.array([2.0, 5.0], ml_dtypes.bfloat16)]})
    with pytest.raises(parity.ParityError) as caught:
        parity.assert_parity(replayed.double, replayed.triple, inputs, dtypes=("bfloat16",))
    (line,) = re.findall(r"replay: parity (check replayed:double replayed:triple .*)", str(caught.value))
    again = subprocess.run(
        [sys.executable, "-m", "parity", *shlex.split(line)],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    assert again.returncode == 1, again.stderr

    def numbers(text):
        return re.findall(r"at \[.*", text)

    assert numbers(again.stdout) == numbers(str(caught.value)) != []


def test_the_replay_line_is_quoted():
    """For the shell and, where a function cannot be imported, for Python."""
    path = """my $cache/it's "here".npz"""
    code = cases.replay_line((cases.dump, lambda x: x), path, {})
    assert eval(code.partition("load_case")[2][:-1]) == path
    line = cases.replay_line((cases.dump, cases.dump), path, {"dtypes": ("bfloat16",)})
    assert shlex.split(line) == [
        *("parity", "check", "parity.data.cases:dump", "parity.data.cases:dump", "--stored", path),
        *("--dtype=bfloat16", "--mode=eager"),
    ]


@pytest.mark.both
def test_what_has_no_name_is_replayed_from_python(tmp_path, monkeypatch):
    monkeypatch.setenv("PARITY_CACHE_DIR", str(tmp_path))
    with pytest.raises(parity.ParityError, match=r'replay: parity\.check\(jax_fn, torch_fn, parity\.load_case\("'):
        parity.assert_parity(lambda x: x, lambda x: x * 2, (np.ones(2, np.float32) / 3,))


def test_the_replay_line_names_the_device():
    line = cases.replay_line((json.dumps, json.loads), Path("case.npz"), {"device": "cuda"})
    assert line.startswith("parity check json:dumps json:loads --stored case.npz ")
    assert line.endswith(" --device=cuda")


class TestReplayOfUnusualOptions:
    """A single name may be given as a string; no lower precision and a generator cannot be said on the command line."""

    def test_a_string_is_one_name(self, tmp_path):
        options = {"dtypes": "float32", "modes": "eager"}
        line = cases.replay_line((cases.dump, cases.dump), tmp_path / "x.npz", options)
        assert line.endswith(" --dtype=float32 --mode=eager")

    @pytest.mark.parametrize("dtypes", [(), (dtype for dtype in ["float32"])], ids=["none", "generator"])
    def test_it_is_python_where_the_command_line_would_check_something_else(self, tmp_path, dtypes):
        line = cases.replay_line((cases.dump, cases.dump), tmp_path / "x.npz", {"dtypes": dtypes})
        assert line.startswith("parity.check(")
