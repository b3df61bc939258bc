"""A traced program gives what the function gives, on other inputs too."""

from __future__ import annotations

import numpy as np
import pytest

from parity.data.inputs import normal

torch = pytest.importorskip("torch", exc_type=ImportError)
from parity.execution.backends import torch_backend  # noqa: E402
from parity.programs import trace_torch  # noqa: E402
from parity.programs.interpreter import Interpreter  # noqa: E402

P, G = normal((7,), 0, "p").astype(np.float64), normal((3, 7), 0, "g").astype(np.float64)


def traced_and_run(function):
    """The outputs of the program of one pair of inputs, and of the function, on another."""
    program = trace_torch.trace(function, lambda f, given: f(given["p"], given["g"]), {"p": P, "g": G})
    arrays = {"p": P * 1.5 + 0.1, "g": G - 0.3}
    with torch_backend.settings("float64"):
        expected = function(*map(torch.from_numpy, arrays.values())).numpy()
    return Interpreter(program, arrays, ()).leaves()["out"], expected


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
        (torch.optim.Adam, {"weight_decay": 0.1}),
        (torch.optim.Adam, {"amsgrad": True}),
        (torch.optim.AdamW, {}),
        (torch.optim.RMSprop, {"centered": True}),
        (torch.optim.Adagrad, {}),
        (torch.optim.NAdam, {}),
    ],
    ids=lambda given: given.__name__ if isinstance(given, type) else " ".join(given),
)
def test_steps_of_an_optimizer(make, options):
    def train(p, gradients):
        parameter = torch.nn.Parameter(p.detach().clone())
        optimizer = make([parameter], lr=0.1, **options)
        for gradient in gradients:
            parameter.grad = gradient.clone()
            optimizer.step()
        return parameter.detach()

    traced, expected = traced_and_run(train)
    np.testing.assert_allclose(traced, expected, rtol=0, atol=1e-13)


def test_a_step_that_differentiates_inside():
    def train(p, gradients):
        parameter = torch.nn.Parameter(p.clone())
        optimizer = torch.optim.Adam([parameter], lr=0.1, weight_decay=0.1)
        for gradient in gradients:
            optimizer.zero_grad()
            (parameter * gradient).sin().sum().backward()
            optimizer.step()
        return parameter.detach()

    traced, expected = traced_and_run(train)
    np.testing.assert_allclose(traced, expected, rtol=0, atol=1e-13)


def test_the_same_memory_under_another_name_is_the_same_value():
    def function(p, g):
        return torch.nn.Parameter(p * 2).data + torch.nn.Parameter(p, requires_grad=False) * g

    traced, expected = traced_and_run(function)
    np.testing.assert_allclose(traced, expected, rtol=0, atol=1e-13)


def test_what_is_written_through_another_name_is_seen():
    def function(p, g):
        q = p.clone()
        torch.nn.Parameter(q).data.mul_(3.0)
        return q * g

    traced, expected = traced_and_run(function)
    np.testing.assert_allclose(traced, expected, rtol=0, atol=1e-13)
