"""Whatever a function does, a run ends with a result; and the caller's arrays are never changed."""

from __future__ import annotations

import importlib
import json
import threading
import time

import ml_dtypes
import numpy as np
import pytest

from parity.data.arguments import parse
from parity.data.inputs import cotangent
from parity.execution.runner import run

X = np.array([0.5, -1.0, 2.0], np.float32)


def call(backend, function, inputs=None, *, wrt=(), dtype="float32", mode="eager", timeout_s=20.0):
    arguments = parse({"x": X} if inputs is None else inputs, wrt, ())
    return run(function, arguments, arguments.arrays, backend=backend, dtype=dtype, mode=mode, timeout_s=timeout_s)


class TestValues:
    @pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
    def test_are_cast_to_the_rung(self, backend, dtype):
        seen = {}

        def function(x, params, n):
            seen.update(x=str(x.dtype), w=str(params["w"].dtype), n=str(n.dtype))
            return x * params["w"]

        result = call(
            backend,
            function,
            {"x": X, "params": {"w": X.astype(np.float64)}, "n": np.arange(2, dtype=np.int32)},
            dtype=dtype,
        )
        assert result.problems == ()
        assert {name.split(".")[-1] for name in (seen["x"], seen["w"])} == {dtype}
        assert seen["n"].split(".")[-1] == "int32"
        assert result.outputs["out"].dtype == (ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype))
        np.testing.assert_allclose(result.outputs["out"].astype(float), X.astype(float) ** 2, rtol=1e-2)

    def test_are_named(self, backend):
        result = call(backend, lambda x: {"a": x * 2, "b": (None, "mean", x.sum())}, wrt="all")
        assert set(result.outputs) == {"out/a", "out/b/0", "out/b/1", "out/b/2"}
        assert (result.outputs["out/b/0"], result.outputs["out/b/1"]) == (None, "mean")
        assert set(result.gradients) == {"grad/x"}
        assert result.leaf("grad/x") is result.gradients["grad/x"]
        assert result.leaf("out/a") is result.outputs["out/a"]
        assert result.leaf("out/c") is None

    def test_the_seeded_cotangent_is_pulled_back(self, backend):
        result = call(backend, lambda x: x * 3, wrt="all")
        np.testing.assert_array_equal(result.gradients["grad/x"], 3 * cotangent("out", (3,)))

    def test_python_numbers_are_outputs(self, backend):
        result = call(backend, lambda x: (x * 2, 1.5, 7))
        assert result.outputs["out/1"] == 1.5
        assert result.outputs["out/2"] == 7


class TestProblems:
    def test_raises(self, backend):
        def boom(x):
            raise ValueError("the first line\nthe second")

        (problem,) = call(backend, boom, wrt="all").problems
        assert problem.leaf == "out"
        assert problem.text == "ValueError: the first line"
        line = boom.__code__.co_firstlineno + 1
        assert problem.place == f"{__file__}:{line}"
        assert not problem.is_timeout

    def test_a_compiler_that_passes_an_error_on(self, backend):
        def boom(x):
            raise RuntimeError("backend='b' raised:\nCompileError: no such file\n\nmore")

        (problem,) = call(backend, boom).problems
        assert problem.text == "RuntimeError: backend='b' raised: CompileError: no such file"

    def test_the_standard_library_is_no_code_of_the_caller(self, backend):
        line = (lambda: None).__code__.co_firstlineno + 1
        (problem,) = call(backend, lambda x: json.loads("{")).problems
        assert problem.place == f"{__file__}:{line}"

    @pytest.mark.parametrize("error", [SystemExit(3), RuntimeError(), MemoryError("big"), RecursionError("deep")])
    @pytest.mark.parametrize("wrt", ["all", ()])
    def test_any_exception(self, backend, error, wrt):
        def boom(x):
            raise error

        result = call(backend, boom, wrt=wrt)
        assert (result.outputs, result.gradients) == ({}, {})
        (problem,) = result.problems
        assert problem.leaf == "out"
        assert problem.text.startswith(type(error).__name__ + ":")

    @pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit])
    @pytest.mark.parametrize("wrt", ["all", ()])
    def test_ctrl_c_passes_through(self, backend, error, wrt):
        def stop(x):
            raise error

        with pytest.raises(error):
            call(backend, stop, wrt=wrt)

    @pytest.mark.parametrize("wrt", ["all", ()])
    def test_hangs(self, backend, wrt):
        calls = []

        def hang(x):
            calls.append(1)
            try:
                time.sleep(30)
            except Exception:
                time.sleep(30)

        start = time.monotonic()
        (problem,) = call(backend, hang, wrt=wrt, timeout_s=0.1).problems
        assert time.monotonic() - start < 15
        assert problem.is_timeout
        assert problem.leaf == "out"
        assert "no result after 0.1 s" in problem.text
        assert calls == [1]  # not once more without the gradient

    def test_wrong_arguments(self, backend):
        (problem,) = call(backend, lambda y: y).problems
        assert "TypeError" in problem.text
        assert "'x'" in problem.text

    def test_settings_come_back(self, backend):
        def boom(x):
            raise ValueError

        call(backend, boom, dtype="float64")
        ones = importlib.import_module({"jax": "jax.numpy", "torch": "torch"}[backend]).ones(2)
        assert str(ones.dtype).endswith("float32")

    def test_outputs_are_kept_when_the_gradient_fails(self, backend):
        if backend == "jax":
            import jax

            @jax.custom_vjp
            def double(x):
                return x * 2

            def backward(residual, pulled):
                raise ArithmeticError("no gradient")

            double.defvjp(lambda x: (x * 2, None), backward)
        else:
            import torch

            class Double(torch.autograd.Function):
                @staticmethod
                def forward(ctx, x):
                    return x * 2

                @staticmethod
                def backward(ctx, pulled):
                    raise ArithmeticError("no gradient")

            double = Double.apply
        result = call(backend, double, wrt="all")
        (problem,) = result.problems
        assert problem.leaf == "grad"
        assert problem.text == "ArithmeticError: no gradient"
        np.testing.assert_array_equal(result.outputs["out"], 2 * X)
        assert result.gradients == {}

    def test_in_another_thread(self, backend):
        results = []
        thread = threading.Thread(target=lambda: results.append(call(backend, lambda x: x * 2, dtype="float64")))
        thread.start()
        thread.join()
        assert results[0].outputs["out"].dtype == np.float64


class TestWriting:
    @pytest.mark.parametrize("wrt", ["all", ()])
    @pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
    def test_into_an_array(self, backend, wrt, dtype):
        def writes(x, y):
            if backend == "torch":
                x.add_(1)
            else:
                x += 1  # a new array: JAX's cannot be written into
            return x * y

        given_arrays = {"x": X.copy(), "y": X.copy()}
        result = call(backend, writes, given_arrays, wrt=wrt, dtype=dtype)
        assert result.problems == ()
        assert result.written == (("x",) if backend == "torch" else ())
        np.testing.assert_array_equal(given_arrays["x"], X)

    def test_the_arrays_of_the_run_are_not_changed(self, backend):
        arguments = parse({"x": X}, (), ())
        values = {"x": X.astype(np.float64)}
        run(
            lambda x: x.mul_(0) if backend == "torch" else x * 0,
            arguments,
            values,
            backend=backend,
            dtype="float64",
            mode="eager",
            timeout_s=20.0,
        )
        np.testing.assert_array_equal(values["x"], X)

    @pytest.mark.parametrize(
        "change",
        [
            lambda params: params.pop("b"),
            lambda params: params.update(c=1),
            lambda params: params.update(w=params["b"]),
            lambda params: params["layers"].append(1),
        ],
    )
    def test_into_a_container(self, backend, change):
        def function(x, params):
            change(params)
            return x * params["w"]

        given_inputs = {"x": X, "params": {"w": X, "b": X, "layers": [X]}}
        for _ in range(2):  # the second run sees fresh containers
            result = call(backend, function, given_inputs, wrt="x")
            assert result.problems == ()
            assert result.written == ("params",)
        assert set(given_inputs["params"]) == {"w", "b", "layers"}
        assert len(given_inputs["params"]["layers"]) == 1

    def test_reading_only_is_not_writing(self, backend):
        inputs = {"x": np.array([np.nan, -0.0, 1.0], np.float32), "p": {"w": X, "n": 3, "f": np.tanh, "z": None}}
        for dtype in ("float64", "float32", "bfloat16", "float16"):
            result = call(backend, lambda x, p: x * p["w"], inputs, wrt="all", dtype=dtype)
            assert (result.problems, result.written) == ((), ())


class TestCompiled:
    def test_gives_what_eager_gives(self, backend):
        def function(x, params, n):
            return {"y": x * params["w"] + n, "z": x.sum()}

        inputs = {"x": X, "params": {"w": X}, "n": 3}
        eager = call(backend, function, inputs, wrt="all", dtype="float64")
        compiled = call(backend, function, inputs, wrt="all", dtype="float64", mode="compiled")
        assert compiled.problems == ()
        assert set(compiled.outputs) == set(eager.outputs)
        for name in eager.outputs:
            np.testing.assert_allclose(compiled.outputs[name], eager.outputs[name], rtol=1e-14)
        for name in ("grad/x", "grad/params/w"):
            np.testing.assert_allclose(compiled.gradients[name], eager.gradients[name], rtol=1e-14)

    def test_what_cannot_be_compiled_is_a_problem(self, backend):
        result = call(backend, lambda x: x * 2 if float(x.sum()) > 0 else x, mode="compiled")
        (problem,) = result.problems
        assert problem.leaf == "out"
