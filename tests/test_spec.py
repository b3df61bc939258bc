"""What an operation is, and how one is found: by file name, without a registry."""

from __future__ import annotations

import dataclasses
import importlib
import sys

import numpy as np
import pytest

from parity import ops
from parity.data.inputs import seeded_inputs
from parity.errors import InputError
from parity.spec import Array, Op

SIZES = {"B": 2, "T": 5, "Hv": 7}


class TestArray:
    @pytest.mark.parametrize(("axes", "shape"), [("B T", (2, 5)), ("T B Hv", (5, 2, 7)), ("", ()), ("T T", (5, 5))])
    def test_shape(self, axes, shape):
        assert Array(axes).shape(SIZES) == shape

    def test_an_unknown_axis_is_named(self):
        with pytest.raises(KeyError, match="H"):
            Array("B H").shape(SIZES)


class TestOp:
    @pytest.mark.parametrize("name", ops.names())
    def test_load(self, name):
        op = ops.load(name)
        assert op.name == name
        assert op.source
        assert callable(op.reference)
        assert op.sizes

    @pytest.mark.parametrize("name", ops.names())
    def test_implementation_has_the_name_of_the_op(self, backend, name):
        function = ops.load(name).implementation(backend)
        assert function.__name__ == name
        assert function.__module__ == f"impl_{backend}.{name}"

    def test_is_frozen(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            ops.load("attention").name = "other"

    def test_loading_does_not_change_the_module(self):
        ops.load("attention")
        assert importlib.import_module("parity.ops.attention").op.name == ""

    @pytest.mark.parametrize("name", ["attn", "", "__init__", "attention.py", "../spec", "Attention"])
    def test_unknown(self, name):
        with pytest.raises(InputError, match=r"op: got .*, expected one of attention, .*; `parity list` shows them"):
            ops.load(name)

    def test_names_are_sorted_and_several(self):
        assert ops.names() == sorted(ops.names())
        assert len(ops.names()) >= 5

    def test_a_new_file_is_a_new_operation(self, tmp_path, monkeypatch):
        (tmp_path / "halve.py").write_text(
            "from parity.spec import Op\n"
            "op = Op(inputs={'x': 'T'}, outputs='T', sizes=({'T': 3},), reference=lambda x: x / 2, source='none')\n"
        )
        monkeypatch.setattr(ops, "__path__", [*ops.__path__, str(tmp_path)])
        try:
            assert "halve" in ops.names()
            assert ops.load("halve").reference(4.0) == 2.0
            assert ops.load("halve").name == "halve"
        finally:
            sys.modules.pop("parity.ops.halve", None)


class TestSpecial:
    def test_none_by_default(self):
        assert Op(inputs={}, outputs="", sizes=({},), reference=lambda: None, source="").special == {}

    @pytest.mark.parametrize(("name", "special"), [(n, s) for n in ops.names() for s in ops.load(n).special])
    def test_others_of_the_same_kind_and_the_seeded_stay(self, name, special):
        op = ops.load(name)
        for sizes in op.sizes:
            seeded = seeded_inputs(op, sizes)
            changed = op.special[special](seeded)
            kinds = [{key: (x.shape, x.dtype) for key, x in inputs.items()} for inputs in (seeded, changed)]
            assert kinds[0] == kinds[1]
            assert any(not np.array_equal(seeded[key], changed[key]) for key in seeded)
            assert all(np.array_equal(x, seeded[key]) for key, x in seeded_inputs(op, sizes).items())
