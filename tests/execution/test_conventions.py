"""One real loss on both sides: a gradient is ∂L/∂x − i∂L/∂y once aligned, however it is taken, and torch's own its conjugate."""

from __future__ import annotations

import numpy as np
import pytest

from parity.data.arguments import parse
from parity.data.inputs import complex_normal, cotangent, normal
from parity.execution import backends
from parity.execution.conventions import aligned
from parity.execution.runner import LIFTED, run

pytestmark = pytest.mark.both

Z, X = complex_normal((3, 4), 0, "z"), normal((3, 4), 0, "x")
STEP = 1e-6


def names(backend):
    import jax.numpy
    import torch

    return jax.numpy if backend == "jax" else torch


# NumPy, and either framework by its namespace: functions of (z, x).
FUNCTIONS = {
    "complex to real": lambda f, z, x: f.abs(z) ** 2 * x,
    "holomorphic": lambda f, z, x: f.exp(z) @ z.T,
    "not holomorphic": lambda f, z, x: f.conj(z) * z * z,
    "real to complex": lambda f, z, x: f.exp(1j * x),
    "both to complex": lambda f, z, x: f.fft.fft(z * x),
    "fft": lambda f, z, x: f.fft.fft(z),
    "ifft": lambda f, z, x: f.fft.ifft(z),
    "rfft": lambda f, z, x: f.fft.rfft(x),
    "irfft": lambda f, z, x: f.fft.irfft(z),
}


def loss(name, z, x):
    out = FUNCTIONS[name](np, z, x)
    return np.sum((cotangent("out", out.shape, np.iscomplexobj(out)) * out).real)


def derivatives(name):
    """∂L/∂x − i∂L/∂y and ∂L/∂x by central differences of the NumPy function."""
    z, x = Z.astype(np.complex128), X.astype(np.float64)
    by_z, by_x = np.zeros_like(z), np.zeros_like(x)
    for place in np.ndindex(Z.shape):
        step = np.zeros(Z.shape)
        step[place] = STEP

        def slope(dz, dx):
            return (loss(name, z + dz, x + dx) - loss(name, z - dz, x - dx)) / (2 * STEP)

        by_z[place] = slope(step, 0) - 1j * slope(1j * step, 0)
        by_x[place] = slope(0, step)
    return {"grad/z": by_z, "grad/x": by_x}


@pytest.mark.parametrize("mode", ["eager", LIFTED])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_run_gives_the_derivative_of_one_real_loss(backend, name, mode):
    space = names(backend)
    arguments = parse((Z, X), "all", (lambda z, x: None,))
    result = run(
        lambda z, x: FUNCTIONS[name](space, z, x),
        arguments,
        {"z": Z.astype(np.complex128), "x": X.astype(np.float64)},
        backend=backend,
        dtype="float64",
        mode=mode,
        timeout_s=60.0,
    )
    assert not result.problems
    for leaf, expected in derivatives(name).items():
        assert result.gradients[leaf].dtype == expected.dtype
        np.testing.assert_allclose(result.gradients[leaf], expected, atol=1e-7 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_one_program_gives_the_same_gradients_as_a_run(backend, compiled):
    adapter, space = backends.get(backend), names(backend)
    with adapter.settings("float64"):
        arrays = {
            "z": adapter.from_numpy(Z.astype(np.complex128)),
            "x": adapter.from_numpy(X.astype(np.float64)),
        }
        forward = lambda given: {"out": FUNCTIONS["both to complex"](space, given["z"], given["x"])}  # noqa: E731
        whole, cotangents = adapter.with_gradient(forward, arrays, ("z", "x"), compiled)
        program = adapter.compile(whole) if compiled else whole
        found = {name: adapter.to_numpy(leaf) for name, leaf in program((arrays, cotangents)).items()}
    for leaf, expected in derivatives("both to complex").items():
        np.testing.assert_allclose(aligned(adapter, leaf, found[leaf]), expected, atol=1e-7)


def test_the_frameworks_own_gradients_are_conjugates_to_the_bit():
    own = []
    adapters = [backends.get(backend) for backend in ("jax", "torch")]
    for adapter in adapters:
        with adapter.settings("float64"):
            given = {"z": adapter.from_numpy(Z.astype(np.complex128))}
            call = lambda f, arrays: f(**arrays)  # noqa: E731
            evaluation = adapter.evaluate(lambda z: z * z, call, given, ("z",), cotangent, False)
            own.append(adapter.to_numpy(evaluation.gradients["z"]))
    assert np.abs(own[0].imag).min() > 0
    np.testing.assert_allclose(own[0], own[1].conj(), rtol=1e-15)
    np.testing.assert_array_equal(aligned(adapters[0], "grad/z", own[0]), own[0])
    np.testing.assert_array_equal(aligned(adapters[1], "grad/z", own[1]), own[1].conj())
    np.testing.assert_array_equal(aligned(adapters[1], "out", own[1]), own[1])  # an output is as it is
    assert isinstance(aligned(adapters[1], "grad/z", np.array(1j)), np.ndarray)
