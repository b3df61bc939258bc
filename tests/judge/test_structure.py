"""Structure before values: which leaves can be compared, and what is said about each that cannot."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from parity.data.arguments import parse
from parity.data.input_variant import GIVEN
from parity.execution.result import Problem, Result
from parity.execution.run_cache import RunCache
from parity.judge.finding import Verdict
from parity.judge.structure import UNCOMPARED, comparable, of_reference
from parity.sides import SIDES

F32, F64 = np.ones((2, 3), np.float32), np.ones((2, 3))


def compare(jax, torch):
    as_result = lambda side: side if isinstance(side, Result) else Result(outputs=side)  # noqa: E731
    return comparable(as_result(jax), as_result(torch), SIDES, "float32", "eager")


@pytest.mark.parametrize(
    ("jax", "torch"),
    [
        (F32, F32),
        (np.arange(3, dtype=np.int32), np.arange(3)),
        (np.arange(3, dtype=np.uint32), np.arange(3, dtype=np.uint64)),
        (np.array(True), np.array(False)),
        (np.ones(2, ml_dtypes.bfloat16), np.ones(2, ml_dtypes.bfloat16)),
        (np.ones(2, complex), np.ones(2, complex)),
        (np.ones(0), np.ones(0)),
    ],
)
def test_comparable(jax, torch):
    assert compare({"out": jax}, {"out": torch}) == (["out"], [])


@pytest.mark.parametrize(
    ("jax", "torch", "words"),
    [
        (F32, F32.T, "jax returns shape (2, 3), torch returns shape (3, 2)"),
        (np.ones(()), np.ones(1), "jax returns shape (), torch returns shape (1,)"),
        (F32, F64, "jax returns dtype float32, torch returns dtype float64"),
        (
            np.ones(2, np.float16),
            np.ones(2, ml_dtypes.bfloat16),
            "jax returns dtype float16, torch returns dtype bfloat16",
        ),
        (np.ones(2, int), np.ones(2), "jax returns dtype int64, torch returns dtype float64"),
        (np.ones(2, np.int8), np.ones(2, np.int32), "jax returns dtype int8, torch returns dtype int32"),
        (np.ones(2, np.uint8), np.ones(2, np.uint64), "jax returns dtype uint8, torch returns dtype uint64"),
        (np.ones(2, np.int32), np.ones(2, np.uint64), "jax returns dtype int32, torch returns dtype uint64"),
        (np.ones(2, int), np.ones(2, np.uint8), "jax returns dtype int64, torch returns dtype uint8"),
        (np.ones(2, bool), np.ones(2, int), "jax returns dtype bool, torch returns dtype int64"),
        (np.ones(2), np.ones(2, complex), "jax returns dtype float64, torch returns dtype complex128"),
        (np.array([None]), np.array([None]), "a leaf of dtype object cannot be compared; return numbers"),
        (np.array(["a"]), np.array(["a"]), "a leaf of dtype <U1 cannot be compared; return numbers"),
        (None, F32, "jax returns None, torch returns an array of shape (2, 3)"),
        ("a", "b", "jax returns 'a', torch returns 'b'"),
        (None, "None", "jax returns None, torch returns 'None'"),
    ],
)
def test_not_comparable(jax, torch, words):
    leaves, (finding,) = compare({"out/x": jax}, {"out/x": torch})
    assert leaves == []
    assert (finding.leaf, finding.verdict, finding.message) == ("out/x", Verdict.STRUCTURE, words)
    assert (finding.dtype, finding.mode) == ("float32", "eager")


@pytest.mark.parametrize("value", [None, "mean"])
def test_equal_objects_are_exact(value):
    leaves, (finding,) = compare({"out": value}, {"out": value})
    assert leaves == []
    assert finding.verdict is Verdict.EXACT
    assert finding.message == f"{value!r} on both sides"


def test_other_names():
    leaves, (finding,) = compare({"out/a": F32, "out/b": F32}, {"out/b": F32, "out/c": F32, "out/d": F32})
    assert leaves == ["out/b"]
    assert finding.verdict is Verdict.STRUCTURE
    assert finding.message == "only jax returns out/a; only torch returns out/c, out/d"


@pytest.mark.parametrize("side", ["jax", "torch"])
def test_a_leaf_on_one_side_only(side):
    more, less = {"out/a": F32, "out/b": F32}, {"out/a": F32}
    leaves, (finding,) = compare(*((more, less) if side == "jax" else (less, more)))
    assert leaves == ["out/a"]
    assert (finding.verdict, finding.message) == (Verdict.STRUCTURE, f"only {side} returns out/b")


def test_names_count_and_order_does_not():
    assert compare({"out/a": F32, "out/b": F64}, {"out/b": F64, "out/a": F32}) == (["out/a", "out/b"], [])


def test_a_missing_gradient():
    jax, torch = Result({"out": F32}, {"grad/x": F32}), Result({"out": F32}, {})
    leaves, (finding,) = compare(jax, torch)
    assert leaves == ["out"]
    assert (finding.leaf, finding.verdict) == ("grad", Verdict.STRUCTURE)
    assert finding.message == "only jax returns grad/x"


def test_nothing_returned_is_vacuous():
    leaves, (finding,) = compare({}, {})
    assert leaves == []
    assert finding.verdict is Verdict.VACUOUS


def test_no_gradients_are_no_finding():
    assert compare(Result({"out": F32}, {}), Result({"out": F32}, {})) == (["out"], [])


@pytest.mark.parametrize("side", ["jax", "torch"])
def test_a_side_that_failed(side):
    failed = Result(problems=(Problem("out", "ValueError: boom", "model.py:7"),))
    other = Result({"out": F32}, {"grad/x": F32})
    leaves, (finding,) = compare(*((failed, other) if side == "jax" else (other, failed)))
    assert leaves == []
    assert (finding.leaf, finding.verdict, finding.side) == ("out", Verdict.ERROR, side)
    assert finding.message == "ValueError: boom at model.py:7"


def test_both_sides_failed():
    failed = Result(problems=(Problem("out", "ValueError: boom"),))
    leaves, findings = compare(failed, failed)
    assert leaves == []
    assert [(f.verdict, f.side, f.message) for f in findings] == [
        (Verdict.ERROR, "jax", "ValueError: boom"),
        (Verdict.ERROR, "torch", "ValueError: boom"),
    ]


def test_a_failed_gradient_leaves_the_outputs():
    jax = Result({"out": F32}, {}, (Problem("grad", "TypeError: no"),))
    leaves, (finding,) = compare(jax, Result({"out": F32}, {"grad/x": F32}))
    assert leaves == ["out"]
    assert (finding.leaf, finding.verdict, finding.side) == ("grad", Verdict.ERROR, "jax")


@pytest.mark.parametrize("side", ["jax", "torch"])
def test_writing_into_an_input(side):
    wrote, clean = Result({"out": F32}, written=("query",)), Result({"out": F32})
    leaves, (finding,) = compare(*((wrote, clean) if side == "jax" else (clean, wrote)))
    assert leaves == ["out"]
    assert (finding.leaf, finding.verdict, finding.side) == ("in/query", Verdict.SEMANTIC, side)
    assert f"the {side} function writes into its input query" in finding.message


class TestGradientsOfOtherOutputs:
    """They pull other cotangents back: their numbers say nothing."""

    GRADIENTS = {"grad/x": F32}  # noqa: RUF012

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            ({"out": F32}, {"out": F32.T}),
            ({"out": F32, "out/1": F32}, {"out": F32}),
            ({"out": F32}, {"out/1": F32}),
            ({"out": F32}, {"out": F32.astype(np.complex64)}),
        ],
    )
    def test_are_not_compared(self, ours, theirs):
        leaves, findings = compare(Result(ours, self.GRADIENTS), Result(theirs, self.GRADIENTS))
        assert "grad/x" not in leaves
        assert findings
        assert all(finding.notes == (UNCOMPARED,) for finding in findings)

    def test_a_gradient_that_is_complex_on_one_side_alone_is_another_structure(self):
        sides = (Result({"out": F32}, {"grad/z": F32}), Result({"out": F32}, {"grad/z": F32.astype(np.complex64)}))
        leaves, (finding,) = compare(*sides)
        assert leaves == ["out"]
        assert (finding.leaf, finding.verdict) == ("grad/z", Verdict.STRUCTURE)

    def test_discrete_outputs_have_no_cotangents(self):
        whole = np.arange(3)
        ours, theirs = {"out": F32, "out/1": whole}, {"out": F32, "out/1": whole[:2]}
        leaves, findings = compare(Result(ours, self.GRADIENTS), Result(theirs, self.GRADIENTS))
        assert leaves == ["out", "grad/x"]
        assert [finding.notes for finding in findings] == [()]


@pytest.mark.parametrize("side", ["jax", "torch"])
def test_a_training_step_that_writes_into_an_input_passes_with_a_warning(side):
    step, clean = Result({"out": F32}, written=("query",), inner="step.py:7"), Result({"out": F32})
    leaves, (finding,) = compare(*((step, clean) if side == "jax" else (clean, step)))
    assert leaves == ["out"]
    assert (finding.leaf, finding.verdict, finding.side) == ("in/query", Verdict.EXACT, side)
    assert finding.warning
    assert f"the {side} function trains its input query in place" in finding.message


def test_a_gradient_that_a_framework_cannot_give_is_undecided():
    jax = Result({"out": F32}, {}, (Problem("grad", "no derivative", is_undecided=True),))
    leaves, (finding,) = compare(jax, Result({"out": F32}, {"grad/x": F32}))
    assert leaves == ["out"]
    assert (finding.verdict, finding.side, finding.warning) == (Verdict.INCONCLUSIVE, "jax", False)


def test_dtypes_are_equal_by_value_and_not_only_as_the_same_object():
    big_endian = [np.ones(2, np.dtype(">f4")) for _ in range(2)]
    assert big_endian[0].dtype is not big_endian[1].dtype
    assert compare({"out": big_endian[0]}, {"out": big_endian[1]}) == (["out"], [])


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (lambda x: x[0], "both sides return shape (2, 3), the reference returns shape (3,)"),
        (lambda x: {"other": x}, "both sides return out, the reference does not"),
        (lambda x: x.astype(str), "the reference returns dtype"),
        (lambda x: x, ""),
        (lambda x: 1 / 0, ""),  # told as an error of the reference
    ],
)
def test_of_the_reference(reference, message):
    cache = RunCache({}, parse((F32,), (), [lambda x: x]), reference)
    told = of_reference(cache, "out", F32, GIVEN)
    assert told.startswith(message)
    assert bool(told) is bool(message)
