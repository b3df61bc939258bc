"""One adapter a framework: bits cross unchanged and as copies, settings come back, gradients pull the cotangent back."""

from __future__ import annotations

import contextlib
import importlib
import os
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from parity.data.tree import named_leaves
from parity.errors import InputError, MissingBackendError
from parity.execution import backends
from parity.execution.backends import MODES, NAMES

ROOT = Path(__file__).parents[2]
DTYPES = [np.float64, np.float32, np.float16, ml_dtypes.bfloat16, np.complex128, np.complex64, bool] + [
    np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)
]
NAN_BITS = {  # quiet and signalling NaNs of both signs with a payload
    np.float64: np.array([0x7FF8DEADBEEF1234, 0xFFF8000000000001, 0x7FF0000000000001, 0xFFFFFFFFFFFFFFFF], np.uint64),
    np.float32: np.array([0x7FC12345, 0xFFC00001, 0x7F800001, 0xFFFFFFFF], np.uint32),
    np.float16: np.arange(2**16, dtype=np.uint16),
    ml_dtypes.bfloat16: np.arange(2**16, dtype=np.uint16),
}


@pytest.fixture
def adapter(backend):
    return backends.get(backend)


def namespace(backend):
    return importlib.import_module({"jax": "jax.numpy", "torch": "torch"}[backend])


def ones(name, shape, is_complex):
    return np.ones(shape, np.float32)


def run(adapter, function, inputs, wrt=(), cotangent=ones, compiled=False):
    """Outputs and gradients of a float64 run as NumPy arrays."""
    with adapter.settings("float64"):
        arrays = {name: adapter.from_numpy(array) for name, array in inputs.items()}
        found = adapter.evaluate(function, lambda target, given: target(**given), arrays, wrt, cotangent, compiled)
        return tuple(
            {n: adapter.to_numpy(leaf) for n, leaf in part.items()} for part in (found.outputs, found.gradients)
        )


class TestConversion:
    @pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: np.dtype(dtype).name)
    def test_round_trip(self, adapter, dtype):
        array = (np.arange(-6, 6).reshape(3, 4) / 3).astype(dtype)
        with adapter.settings("float64"):
            back = adapter.to_numpy(adapter.from_numpy(array))
        assert back.dtype == array.dtype
        assert back.shape == array.shape
        assert back.tobytes() == array.tobytes()

    @pytest.mark.parametrize("dtype", NAN_BITS, ids=lambda dtype: np.dtype(dtype).name)
    def test_every_bit_of_a_nan(self, adapter, dtype):
        array = NAN_BITS[dtype].view(dtype)
        with adapter.settings("float64"):
            back = adapter.to_numpy(adapter.from_numpy(array))
        np.testing.assert_array_equal(back.view(NAN_BITS[dtype].dtype), NAN_BITS[dtype])

    @pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,)])
    def test_shapes(self, adapter, shape):
        array = np.full(shape, 2.5, np.float32)
        assert adapter.to_numpy(adapter.from_numpy(array)).shape == shape

    @pytest.mark.parametrize(
        "view", [lambda a: a.T, lambda a: a[::2], lambda a: a[:, ::-1], lambda a: np.broadcast_to(a[0], (4, 6))]
    )
    def test_layouts(self, adapter, view):
        array = view(np.arange(24, dtype=np.float32).reshape(4, 6))
        np.testing.assert_array_equal(adapter.to_numpy(adapter.from_numpy(array)), array)

    def test_big_endian_and_read_only(self, adapter):
        array = np.arange(4, dtype=np.float32)
        array.flags.writeable = False
        np.testing.assert_array_equal(adapter.to_numpy(adapter.from_numpy(array)), array)

    @pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
    @pytest.mark.parametrize("size", [1, 16, 4096])
    def test_going_in_is_a_copy(self, adapter, dtype, size):
        array = np.ones(size, dtype)
        converted = adapter.from_numpy(array)
        array[:] = 7
        assert (adapter.to_numpy(converted) == 1).all()

    @pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
    @pytest.mark.parametrize("size", [1, 16, 4096])
    def test_coming_out_is_a_writeable_copy(self, adapter, dtype, size):
        converted = adapter.from_numpy(np.ones(size, dtype))
        out = adapter.to_numpy(converted)
        out[:] = 7
        assert (adapter.to_numpy(converted) == 1).all()

    def test_float64_stays_float64(self, adapter):
        value = np.array([1 + 2.0**-52])
        with adapter.settings("float64"):
            converted = adapter.from_numpy(value)
            assert adapter.to_numpy(converted * 1)[0] == value[0]
            assert adapter.to_numpy(converted * 1).dtype == np.float64

    def test_new_arrays_have_the_width_of_the_rung(self, adapter, backend):
        for dtype, width in (("float64", np.float64), ("float32", np.float32), ("bfloat16", np.float32)):
            with adapter.settings(dtype):
                assert adapter.to_numpy(namespace(backend).ones(2)).dtype == width

    @pytest.mark.parametrize(("value", "dtype"), [(1.5, np.float64), (3, np.int64), (True, bool)])
    def test_python_numbers(self, adapter, value, dtype):
        out = adapter.to_numpy(value)
        assert out.dtype == dtype
        assert out == value


class TestJaxWithoutX64:
    def test_no_float64_goes_through_narrowed(self, backend, adapter):
        if backend == "torch":
            assert adapter.to_numpy(adapter.from_numpy(np.ones(2))).dtype == np.float64
            return
        with adapter.settings("float32"), pytest.raises(TypeError, match="jax made float32 of float64: x64 is off"):
            adapter.from_numpy(np.ones(2))

    def test_small_integers_may_be_narrowed_and_large_ones_not(self, backend, adapter):
        with adapter.settings("float32"):
            np.testing.assert_array_equal(
                adapter.to_numpy(adapter.from_numpy(np.array([2**31 - 1, -7]))), [2**31 - 1, -7]
            )
            if backend == "torch":
                assert adapter.to_numpy(adapter.from_numpy(np.array([2**40]))) == 2**40
                return
            with pytest.raises(OverflowError, match="int64 values do not fit int32"):
                adapter.from_numpy(np.array([2**40]))


def precision(backend):
    if backend == "jax":
        import jax

        return jax.config.jax_enable_x64, jax.config.jax_default_matmul_precision
    import torch

    return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32, torch.get_default_dtype()


class TestSettings:
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    @pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
    def test_come_back(self, backend, adapter, dtype, error):
        before = precision(backend)
        with contextlib.suppress(ValueError, KeyboardInterrupt), adapter.settings(dtype):
            assert precision(backend) != before or (backend, dtype) == ("torch", "float32")
            if error:
                raise error
        assert precision(backend) == before

    def test_highest_matmul_precision(self, backend, adapter):
        if backend == "torch":
            import torch

            torch.set_float32_matmul_precision("medium")
            try:
                with adapter.settings("float32"):
                    assert precision(backend)[:2] == ("highest", False)
                assert torch.get_float32_matmul_precision() == "medium"
            finally:
                torch.set_float32_matmul_precision("highest")
        else:
            with adapter.settings("float32"):
                assert precision(backend) == (False, "highest")

    def test_what_a_function_sets_is_undone(self, backend, adapter):
        before = precision(backend)
        with adapter.settings("float64"):
            if backend == "torch":
                import torch

                torch.set_default_dtype(torch.float16)
        assert precision(backend) == before


class TestEvaluate:
    X = np.array([0.5, -1.0, 2.0])

    def test_gradient_of_a_known_function(self, adapter):
        outputs, gradients = run(adapter, lambda x: x * x * x, {"x": self.X}, ("x",))
        np.testing.assert_allclose(outputs["out"], self.X**3, rtol=1e-15)
        np.testing.assert_allclose(gradients["x"], 3 * self.X**2, rtol=1e-15)
        assert gradients["x"].dtype == np.float64

    def test_the_cotangent_of_each_output_is_pulled_back(self, adapter):
        pulled = {"out/a": np.array([1.0, 10.0, 100.0], np.float32), "out/b/0": np.array(1000.0, np.float32)}
        asked = []

        def cotangent(name, shape, is_complex):
            asked.append((name, shape, is_complex))
            return pulled[name]

        _, gradients = run(adapter, lambda x: {"a": 2 * x, "b": [x.sum()]}, {"x": self.X}, ("x",), cotangent)
        np.testing.assert_array_equal(gradients["x"], [1002.0, 1020.0, 1200.0])
        assert sorted(asked) == [("out/a", (3,), False), ("out/b/0", (), False)]

    def test_only_what_is_asked_for_is_differentiated(self, adapter):
        _, gradients = run(adapter, lambda x, y: x * y, {"x": self.X, "y": 3 * self.X}, ("y",))
        assert set(gradients) == {"y"}
        np.testing.assert_array_equal(gradients["y"], self.X)

    def test_without_wrt_there_is_no_gradient(self, adapter):
        outputs, gradients = run(adapter, lambda x: x * 2, {"x": self.X})
        assert gradients == {}
        np.testing.assert_array_equal(outputs["out"], 2 * self.X)

    def test_integer_inputs_and_outputs_stand_beside_floating_ones(self, adapter):
        outputs, gradients = run(
            adapter, lambda x, n: (x * n, n + 1, x > 0), {"x": self.X, "n": np.array([1, 2, 3])}, ("x",)
        )
        np.testing.assert_array_equal(outputs["out/1"], [2, 3, 4])
        np.testing.assert_array_equal(outputs["out/2"], [True, False, True])
        assert outputs["out/1"].dtype == np.int64
        np.testing.assert_array_equal(gradients["x"], [1.0, 2.0, 3.0])

    @pytest.mark.parametrize("compiled", [False, True])
    def test_without_a_floating_output_there_is_no_gradient(self, adapter, compiled):
        outputs, gradients = run(adapter, lambda x: x > 0, {"x": self.X}, ("x",), compiled=compiled)
        np.testing.assert_array_equal(outputs["out"], [True, False, True])
        assert gradients == {}

    def test_an_input_that_is_not_used_gives_zeros(self, adapter):
        _, gradients = run(adapter, lambda x, y: x * 2, {"x": self.X, "y": self.X}, ("x", "y"))
        np.testing.assert_array_equal(gradients["y"], np.zeros(3))
        np.testing.assert_array_equal(gradients["x"], np.full(3, 2.0))

    def test_a_stopped_gradient_is_zero(self, backend, adapter):
        def stop(x):
            if backend == "torch":
                return x.detach()
            import jax

            return jax.lax.stop_gradient(x)

        _, gradients = run(adapter, lambda x: stop(x) * 2, {"x": self.X}, ("x",))
        np.testing.assert_array_equal(gradients["x"], np.zeros(3))
        _, gradients = run(adapter, lambda x: stop(x) * x, {"x": self.X}, ("x",))
        np.testing.assert_array_equal(gradients["x"], self.X)

    def test_the_input_itself_as_output(self, adapter):
        outputs, gradients = run(adapter, lambda x: (x, x), {"x": self.X}, ("x",))
        np.testing.assert_array_equal(outputs["out/1"], self.X)
        np.testing.assert_array_equal(gradients["x"], np.full(3, 2.0))

    def test_names_of_nested_leaves(self, adapter):
        def function(x):
            return {"b": (x, [x * 2, None]), "a/c": x, "c": {3: {"~": x}}}

        outputs, _ = run(adapter, function, {"x": self.X})
        assert set(outputs) == set(named_leaves(function(1), "out"))
        assert set(outputs) == {"out/b/0", "out/b/1/0", "out/b/1/1", "out/a~1c", "out/c/3/~0"}

    def test_two_leaves_of_one_name(self, adapter):
        with pytest.raises(ValueError, match=r"two leaves|sorting pytree dictionary keys"):
            run(adapter, lambda x: {"1": x, 1: x}, {"x": self.X})

    def test_compiled_gives_the_same(self, adapter):
        eager = run(adapter, lambda x: {"y": x * x + 1, "n": x > 0}, {"x": self.X}, ("x",))
        compiled = run(adapter, lambda x: {"y": x * x + 1, "n": x > 0}, {"x": self.X}, ("x",), compiled=True)
        for one, other in zip(eager, compiled, strict=True):
            assert set(one) == set(other)
            for name in one:
                np.testing.assert_allclose(np.asarray(other[name], float), np.asarray(one[name], float), rtol=1e-14)


class TestCompile:
    def test_the_function_is_traced_and_not_run_again(self, backend, adapter):
        calls = []

        def function(x):
            if backend == "jax":
                calls.append(type(x).__name__)
            else:
                import torch

                calls.append("Tracer" if torch.compiler.is_compiling() else "run")
            return x * 2

        if backend == "torch":  # the list is outside the graph: Dynamo replays the append after each call
            with adapter.settings("float32"):
                compiled = adapter.compile(function)
                compiled(adapter.from_numpy(np.ones(2, np.float32)))
            assert "run" not in calls
        else:
            compiled = adapter.compile(function)
            for _ in range(3):
                compiled(adapter.from_numpy(np.ones(2, np.float32)))
            assert len(calls) == 1
            assert "Tracer" in calls[0]

    def test_refuses_when_compilation_is_disabled(self, backend, adapter):
        x = np.ones(2)
        if backend == "jax":
            import jax

            with (
                jax.disable_jit(),
                pytest.raises(RuntimeError, match=r"jax.jit is disabled .*nothing would be compiled"),
            ):
                run(adapter, lambda x: x * 2, {"x": x}, compiled=True)
        else:
            import torch

            with (
                torch._dynamo.config.patch(disable=True),
                pytest.raises(RuntimeError, match=r"no compiled (graph|frames)"),
            ):
                run(adapter, lambda x: x * 2, {"x": x}, compiled=True)

    def test_a_function_that_cannot_be_compiled_raises(self, adapter):
        def branches(x):
            return x * 2 if float(x.sum()) > 0 else x

        with adapter.settings("float32"):
            x = adapter.from_numpy(np.ones(2, np.float32))
            branches(x)
            with pytest.raises(Exception, match=r"(?i)concrete|data-dependent|graph break|item|unsupported"):
                adapter.compile(branches)(x)

    def test_more_functions_of_one_code_than_dynamo_would_compile(self, adapter):
        def make(factor):
            return lambda x: x * factor

        with adapter.settings("float32"):
            x = adapter.from_numpy(np.ones(2, np.float32))
            for factor in range(1, 11):
                assert adapter.to_numpy(adapter.compile(make(factor))(x))[0] == factor


def test_environment_names_version_and_settings(backend, adapter):
    found = adapter.environment()
    assert found["version"] == importlib.import_module(backend).__version__
    assert found["devices"]
    assert found["matmul_precision"] == "highest"


class TestFindDevice:
    def test_cpu(self, adapter):
        assert "cpu" in str(adapter.find_device("cpu")).lower()

    @pytest.mark.parametrize("device", ["tpu", "", "CPU", "cuda:0"])
    def test_unknown(self, adapter, device):
        with pytest.raises(InputError, match=rf"device: got '{device}', expected one of cpu, cuda"):
            adapter.find_device(device)

    def test_cuda_without_a_gpu(self, adapter, backend):
        try:
            adapter.find_device("cuda")
        except InputError as error:
            message = str(error)
        else:
            pytest.skip("there is a GPU")
        assert message.startswith(f"device: got 'cuda', but {backend} sees none (")
        assert message.endswith("); install its build for it, or use device cpu")


@pytest.mark.both
def test_where_pytorch_forbids_to_assign_to_its_flags():
    """As PyTorch's own test suite does."""
    program = """
import numpy as np, torch
torch.backends.disable_global_flags()
import parity
report = parity.check(lambda x: x @ x, lambda x: x @ x, (np.eye(3) + 0.5,))
assert report.passed, report
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class TestGet:
    def test_names(self):
        assert NAMES == ("jax", "torch")
        assert MODES == ("eager", "compiled")

    @pytest.mark.parametrize("name", ["tensorflow", "", "Jax", "torch_backend"])
    def test_unknown(self, name):
        with pytest.raises(InputError, match=r"backend: got .*, expected one of jax, torch"):
            backends.get(name)

    @pytest.mark.parametrize("name", NAMES)
    def test_not_installed(self, name, monkeypatch):
        monkeypatch.setattr(backends.importlib.util, "find_spec", lambda module: None)
        with pytest.raises(
            MissingBackendError, match=rf'{name} is not installed; .*pip install "parity\[{name}\]"'
        ) as info:
            backends.get(name)
        assert isinstance(info.value, InputError)
        assert isinstance(info.value, ImportError)


class TestSession:
    """The test session itself: a framework that is missing never turns tests green."""

    def collect(self, tmp_path, *words, broken=""):
        if broken:
            (tmp_path / f"{broken}.py").write_text(f"raise ImportError('{broken} is broken')")
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", *words],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def test_a_framework_that_cannot_be_imported_ends_it(self, tmp_path):
        done = self.collect(tmp_path, "tests/data/test_tree.py", broken="jax")
        assert done.returncode == pytest.ExitCode.USAGE_ERROR
        assert 'jax cannot be imported (jax is broken); install it with: pip install "parity[jax]"' in done.stderr

    def test_one_framework_alone(self, tmp_path, backend):
        other = NAMES[1 - NAMES.index(backend)]
        done = self.collect(tmp_path, f"--backends={backend}", "tests", "--ignore=tests/benchmarks", broken=other)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "deselected" in done.stdout
        assert "test_ladder.py::" not in done.stdout
        assert f"test_round_trip[{backend}-" in done.stdout
        assert f"test_round_trip[{other}-" not in done.stdout

    @pytest.mark.parametrize("words", ["tensorflow", "", "jax,"])
    def test_unknown_framework(self, tmp_path, words):
        done = self.collect(tmp_path, f"--backends={words}", "tests/data/test_tree.py")
        assert done.returncode == pytest.ExitCode.USAGE_ERROR
        assert "--backends: got" in done.stderr
        assert "expected some of jax, torch" in done.stderr
