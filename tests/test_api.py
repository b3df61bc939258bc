"""The public contract of `check` and `assert_parity`."""

from __future__ import annotations

import functools
import json
import time

import ml_dtypes
import numpy as np
import pytest

import parity
from parity import InputError, ParityError, Report, Verdict
from parity.data.inputs import normal

pytestmark = pytest.mark.both

X, Y = normal((3, 5), 0, "x"), normal((5, 2), 0, "y")


@pytest.fixture(autouse=True, scope="module")
def frameworks():
    global jax, jnp, torch
    import jax
    import jax.numpy as jnp
    import torch


def matmul(x, y):
    return x @ y


def double(x):
    return x * 2


def leaves(report, dtype="float64"):
    return {f.leaf for f in report.findings if f.dtype == dtype}


class TestInputs:
    def test_positional(self):
        assert leaves(parity.check(matmul, matmul, (X, Y))) == {"out", "grad/x", "grad/y"}

    def test_keyword(self):
        report = parity.check(lambda *, a, b: a @ b, lambda *, b, a: a @ b, {"b": Y, "a": X})
        assert report.passed
        assert leaves(report) == {"out", "grad/a", "grad/b"}

    def test_trees(self):
        def model(params, x):
            hidden = x @ params["w"][0]
            return {"loss": hidden.sum(), "hidden": (hidden, x)}

        report = parity.check(model, model, ({"w": [Y], "unused": X}, X))
        assert leaves(report) == {
            "out/loss",
            "out/hidden/0",
            "out/hidden/1",
            "grad/params/w/0",
            "grad/params/unused",
            "grad/x",
        }
        assert {f.leaf for f in report.findings if f.warning} == {"grad/params/unused"}

    def test_other_leaves_reach_the_functions_as_they_are(self):
        config, seen = object(), []

        def function(x, power, mode, mask, act, thing, flag):
            seen.append((power, mode, mask, act, thing, flag))
            return x**power

        inputs = {"x": X, "power": 2, "mode": "mean", "mask": None, "act": np.tanh, "thing": config, "flag": True}
        assert parity.check(function, function, inputs).passed
        assert set(seen) == {(2, "mean", None, np.tanh, config, True)}

    def test_integer_and_boolean_arrays(self):
        report = parity.check(
            lambda x, n, m: jnp.where(m, x[n], 0),
            lambda x, n, m: torch.where(m, x[n], 0),
            (X, np.array([2, 0, 1]), X > 0),
        )
        assert report.passed
        assert leaves(report) == {"out", "grad/x"}

    def test_no_arguments(self):
        assert parity.check(lambda: jnp.arange(3.0), lambda: torch.arange(3.0), ()).passed

    def test_are_never_changed(self):
        array = X.copy()
        inputs = {"p": {"x": array, "y": [array]}}

        def torch_fn(p):
            p["x"].mul_(2)
            p["y"].append(1)
            return p.pop("x") * 3

        report = parity.check(lambda p: p["x"] * 6, torch_fn, inputs)
        np.testing.assert_array_equal(array, X)
        assert list(inputs["p"]) == ["x", "y"]
        assert inputs["p"]["x"] is array
        assert len(inputs["p"]["y"]) == 1
        written = {f.leaf: f for f in report.findings if f.leaf.startswith("in/")}
        assert {"in/p", "in/p/x"} <= set(written)
        assert {(f.side, f.verdict) for f in written.values()} == {("torch", Verdict.SEMANTIC)}

    def test_a_reference_that_works_in_place_changes_nothing(self):
        plain, in_place = (
            parity.check(jnp.sin, torch.sin, (normal((64, 5), 0, "x"),), reference=reference)
            for reference in (np.sin, lambda x: np.sin(x, out=x))
        )
        assert plain.verdict is Verdict.ROUNDING
        assert plain.findings == in_place.findings

    @pytest.mark.parametrize("dtype", [np.float64, np.float16, ml_dtypes.bfloat16])
    def test_any_precision(self, dtype):
        assert parity.check(double, double, (X.astype(dtype),)).passed

    def test_both_sides_see_the_same_bits(self):
        third = np.array([1 / 3, 2 / 3])
        for dtype in ("float64", "float32", "bfloat16", "float16"):
            report = parity.check(lambda x: x, lambda x: x, (third,), dtypes=(dtype,))
            assert report.verdict is Verdict.EXACT


class TestWrt:
    @pytest.mark.parametrize(
        ("wrt", "expected"),
        [
            ("all", {"grad/x", "grad/y"}),
            ("x", {"grad/x"}),
            (("y",), {"grad/y"}),
            (1, {"grad/y"}),
            ((0, 1), {"grad/x", "grad/y"}),
            ((), set()),
        ],
    )
    def test_selects(self, wrt, expected):
        report = parity.check(matmul, matmul, (X, Y), wrt=wrt)
        assert leaves(report) == {"out", *expected}
        assert leaves(report, "float32") == {"out", *expected}

    def test_nested_names(self):
        def function(p):
            return p["a"]["w"] * p["b"]

        inputs = {"p": {"a": {"w": X}, "b": X}}
        assert leaves(parity.check(function, function, inputs, wrt="p/a")) == {"out", "grad/p/a/w"}
        assert leaves(parity.check(function, function, inputs, wrt=["p/b"])) == {"out", "grad/p/b"}


class TestRungsAndModes:
    def test_float64_comes_first_and_always(self):
        for dtypes in ((), ("float64",), ["float32", "float16", "float32"], "bfloat16"):
            report = parity.check(double, double, (X,), dtypes=dtypes, wrt=())
            given = (dtypes,) if isinstance(dtypes, str) else dtypes
            assert [f.dtype for f in report.findings] == list(dict.fromkeys(("float64", *given)))

    @pytest.mark.parametrize("side", ["jax", "torch"])
    def test_compiled_mode_really_compiles(self, side):
        eager_only = lambda x: x * 2 if float(x.sum()) != 0 else x  # noqa: E731
        pair = (eager_only, double) if side == "jax" else (double, eager_only)
        report = parity.check(*pair, (X,), modes=("eager", "compiled"), dtypes=(), wrt=())
        found = {f.mode: f for f in report.findings}
        assert found["eager"].verdict is Verdict.EXACT
        assert (found["compiled"].verdict, found["compiled"].side) == (Verdict.ERROR, side)

    def test_compiled_and_eager(self):
        report = parity.check(double, double, (X,), modes=("eager", "compiled"))
        assert report.passed
        assert [(f.mode, f.dtype, f.leaf) for f in report.findings] == [
            (mode, dtype, leaf)
            for mode in ("eager", "compiled")
            for dtype in ("float64", "float32")
            for leaf in ("out", "grad/x")
        ]

    def test_progress_is_told(self):
        told = []
        parity.check(double, double, (X,), dtypes=("float32", "float16"), progress=told.append)
        assert told == ["float64 eager", "float32 eager", "float16 eager"]


class TestBadInput:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"jax_fn": None}, "jax_fn: got NoneType, expected a function"),
            ({"torch_fn": "sin"}, "torch_fn: got str, expected a function"),
            ({"reference": 3}, "reference: got int, expected a function"),
            ({"inputs": X}, "inputs: got ndarray, expected a tuple"),
            ({"inputs": ["x"]}, "inputs: got list, expected a tuple"),
            ({"wrt": "q"}, "wrt: got 'q', expected names or positions of floating inputs; there are: x"),
            ({"wrt": None}, "wrt: got None, expected names or positions"),
            ({"dtypes": ("float8",)}, "dtypes: got 'float8', expected some of float64, float32, bfloat16, float16"),
            ({"dtypes": None}, "dtypes: got None, expected some of"),
            ({"dtypes": (np.float32,)}, "dtypes: got <class 'numpy.float32'>, expected some of"),
            ({"modes": ("jit",)}, "modes: got 'jit', expected some of eager, compiled"),
            ({"modes": ()}, "modes: got none, expected some of eager, compiled"),
            ({"modes": 3}, "modes: got 3, expected some of eager, compiled"),
            ({"timeout_s": 0}, "timeout_s: got 0, expected a number of seconds above 0"),
            ({"timeout_s": float("nan")}, "timeout_s: got nan, expected a number of seconds"),
            ({"timeout_s": float("inf")}, "timeout_s: got inf, expected a number of seconds"),
            ({"timeout_s": "1"}, "timeout_s: got '1', expected a number of seconds"),
        ],
    )
    def test_names_argument_and_what_came_and_what_was_expected(self, change, words):
        called = []

        def function(x):
            called.append(1)
            return x

        arguments = {"jax_fn": function, "torch_fn": function, "inputs": (X,), **change}
        with pytest.raises(InputError) as info:
            parity.check(**arguments)
        assert str(info.value).startswith(words)
        assert isinstance(info.value, ValueError)
        assert called == []

    @pytest.mark.parametrize("side", ["jax", "torch"])
    def test_an_array_of_a_framework(self, side):
        array = {"jax": jnp, "torch": torch}[side].ones(3)
        with pytest.raises(InputError, match=r"inputs: x is a (jax|torch|jaxlib).*, expected a NumPy array"):
            parity.check(double, double, (array,))


class TestFaults:
    @pytest.mark.parametrize("side", ["jax", "torch"])
    def test_a_function_that_raises(self, side):
        def boom(x):
            raise ValueError("boom")

        report = parity.check(*((boom, double) if side == "jax" else (double, boom)), (X,))
        assert {(f.verdict, f.side) for f in report.findings} == {(Verdict.ERROR, side)}
        assert "ValueError: boom at " in report.findings[0].message
        assert not report.passed

    @pytest.mark.parametrize("side", ["jax", "torch"])
    def test_a_side_that_hung_is_not_called_again(self, side):
        calls = []

        def hang(x):
            calls.append(1)
            time.sleep(30)

        rungs = {"dtypes": ("float32", "bfloat16"), "modes": ("eager", "compiled")}
        parity.check(double, double, (X,), **rungs)  # the other side's first call compiles
        start = time.monotonic()
        pair = (hang, double) if side == "jax" else (double, hang)
        report = parity.check(*pair, (X,), timeout_s=1.0, **rungs)
        assert time.monotonic() - start < 25
        assert calls == [1]
        assert {(f.verdict, f.side) for f in report.findings} == {(Verdict.ERROR, side)}
        assert len(report.findings) == 6
        assert all("no result after" in f.message for f in report.findings)

    @pytest.mark.parametrize("where", ["jax_fn", "torch_fn", "reference"])
    def test_ctrl_c_is_not_swallowed(self, where):
        def stop(x):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            parity.check(**{"jax_fn": double, "torch_fn": double, "inputs": (X,), where: stop})

    def test_a_reference_that_fails_is_a_finding(self):
        calls = []

        def boom(x):
            calls.append(1)
            raise ValueError("boom")

        report = parity.check(double, double, (X,), reference=boom)
        (finding,) = [f for f in report.findings if f.verdict is Verdict.ERROR]
        assert finding.side is None
        assert finding.message.startswith("the reference failed: ValueError: boom at ")
        assert calls == [1]
        assert not report.passed

    def test_a_reference_that_hangs_is_a_finding(self):
        report = parity.check(double, double, (X,), reference=lambda x: time.sleep(30), timeout_s=0.5)
        assert report.verdict is Verdict.ERROR
        assert "no result after 0.5 s" in str(report)


class TestReference:
    def test_gets_float64_copies(self):
        seen = []

        def reference(x, n):
            seen.append((x.dtype, n))
            return x * n

        assert parity.check(lambda x, n: x * n, lambda x, n: x * n, (X, 3), reference=reference).passed
        assert set(seen) == {(np.dtype(np.float64), 3)}


class TestReport:
    def test_fields(self):
        report = parity.check(double, double, (X,))
        assert isinstance(report, Report)
        assert report.passed is True
        assert report.name == "double"
        assert report.environment["jax"]["version"] == jax.__version__
        assert report.environment["torch"]["version"] == torch.__version__

    def test_name(self):
        assert parity.check(double, double, (X,), name="mine").name == "mine"
        assert parity.check(functools.partial(matmul, y=2), double, (X,)).name == "partial"

    def test_json(self):
        report = parity.check(double, lambda x: x * np.nan, (X,))
        found = json.loads(report.to_json())
        assert found["schema"] == "parity-report/1"
        assert found["verdict"] == "SEMANTIC"
        assert found["passed"] is False
        assert found["findings"][0]["expected"] == "nan"
        assert found["findings"][0]["error"] == "inf"
        assert found["environment"]["packages"]["numpy"] == np.__version__

    def test_assert_parity(self):
        assert parity.assert_parity(double, double, (X,)) is None
        with pytest.raises(ParityError) as info:
            parity.assert_parity(double, lambda x: x * 3, (X,), wrt=(), name="factor")
        assert isinstance(info.value, AssertionError)
        assert str(info.value) == f"\n{info.value.report}"
        assert "factor: SEMANTIC in 2 of 2 comparisons" in str(info.value)
        assert info.value.report.verdict is Verdict.SEMANTIC

    def test_assert_parity_refuses_bad_input(self):
        with pytest.raises(InputError):
            parity.assert_parity(double, double, X)

    def test_public_names(self):
        assert set(parity.__all__) >= {
            "check",
            "assert_parity",
            "Report",
            "Verdict",
            "Finding",
            "InputError",
            "ParityError",
        }
        assert all(hasattr(parity, name) for name in parity.__all__)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"causes_s": None}, "causes_s: got None, expected a number of seconds"),
        ({"causes_s": -1}, "causes_s: got -1, expected a number of seconds"),
        ({"timeout_s": True}, "timeout_s: got True, expected a number of seconds"),
        ({"regimes": ()}, "regimes: got none, expected some of unit"),
        ({"name": 5}, "name: got int, expected a string"),
    ],
)
def test_arguments_that_were_taken_and_made_no_sense(options, message):
    with pytest.raises(InputError, match=message):
        parity.check(lambda x: x, lambda x: x, (np.ones(3, np.float32),), **options)
