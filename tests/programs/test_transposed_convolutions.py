"""The program of a transposed convolution gives what the framework gives, with its gradients."""

from __future__ import annotations

import numpy as np
import pytest

from parity.data.inputs import normal

pytestmark = pytest.mark.both

X, KERNEL = (normal(shape, 0, "conv").astype(np.float64) for shape in ((2, 4, 5, 6), (4, 3, 3, 2)))
OPTIONS = [
    {"stride": 2},
    {"stride": (2, 3), "padding": (1, 0), "output_padding": (1, 2)},
    {"stride": 2, "dilation": 2, "padding": 3},
    {"groups": 2, "stride": (1, 2), "padding": 2},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_torch(options):
    import torch

    from parity.programs import trace_torch
    from parity.programs.interpreter import Interpreter

    def function(x, kernel):
        return torch.nn.functional.conv_transpose2d(x, kernel, **options)

    arrays = {"x": X, "kernel": KERNEL}
    program = trace_torch.trace(function, lambda f, given: f(given["x"], given["kernel"]), arrays)
    traced = Interpreter(program, arrays, ("x", "kernel")).leaves()
    expected = function(torch.from_numpy(X), torch.from_numpy(KERNEL)).numpy()
    np.testing.assert_allclose(traced["out"], expected, rtol=0, atol=1e-13)


def test_jax():
    import jax

    from parity.execution.backends import jax_backend
    from parity.programs import trace_jax
    from parity.programs.interpreter import Interpreter

    def function(x, kernel):
        return jax.lax.conv_general_dilated(
            x, kernel, (1, 2), ((2, 1), (1, 3)), lhs_dilation=(3, 2), rhs_dilation=(1, 2)
        )

    arrays = {"x": X, "kernel": KERNEL.transpose(1, 0, 2, 3)}
    program = trace_jax.trace(function, lambda f, given: f(given["x"], given["kernel"]), arrays)
    traced = Interpreter(program, arrays, ()).leaves()
    with jax_backend.settings("float64"):
        expected = np.asarray(function(arrays["x"], arrays["kernel"]))
    np.testing.assert_allclose(traced["out"], expected, rtol=0, atol=1e-13)
