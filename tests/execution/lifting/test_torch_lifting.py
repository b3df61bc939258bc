"""Every floating step of a torch function in float64: a function that pins a precision gives what its twin without pins gives."""

from __future__ import annotations

import numpy as np
import pytest

from parity.data.arguments import parse
from parity.data.inputs import cotangent
from parity.execution import lifting
from parity.execution.lifting import Kind

torch = pytest.importorskip("torch", exc_type=ImportError)
from torch.nn import functional as F  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

from parity.execution.backends import torch_backend  # noqa: E402

RNG = np.random.default_rng(7)
X = RNG.standard_normal((4, 6))
F32, BF16 = torch.float32, torch.bfloat16


def lifted(function, *inputs, wrt="all"):
    """Outputs and gradients by name, and the pinned steps."""
    arguments = parse(inputs, wrt, (function, function))

    def call(target, arrays):
        return arguments.call(target, arguments.tree(arrays))

    with torch_backend.settings("float64"):
        arrays = {name: torch_backend.from_numpy(array) for name, array in arguments.arrays.items()}
        one = lifting.get("torch").lift(function, call, arrays, arguments.wrt)
        evaluation = one.run(arrays, cotangent)
        leaves = {**evaluation.outputs, **{f"grad/{name}": leaf for name, leaf in evaluation.gradients.items()}}
        return {name: torch_backend.to_numpy(leaf) for name, leaf in leaves.items()}, one.pinned.counts


class Ruled(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(context, gradient):
        (x,) = context.saved_tensors
        return gradient * x.float().cos().to(x.dtype) * 2


class RuledTwin(Ruled):
    @staticmethod
    def backward(context, gradient):
        (x,) = context.saved_tensors
        return gradient * x.cos() * 2


def autocast(x):
    with torch.autocast("cpu", dtype=BF16):
        return (x.float() @ x.float().T).to(x.dtype)


def in_place(x):
    total = torch.zeros(4, 6, dtype=F32)
    total += x.float()
    total.mul_(3)
    return total


WEIGHT = torch.from_numpy(RNG.standard_normal((5, 6))).float()
LINEAR = torch.nn.Linear(6, 5, dtype=F32)
LSTM = torch.nn.LSTM(6, 3, dtype=F32)
ATTENTION = torch.nn.MultiheadAttention(6, 2, dtype=F32)

# A function that pins a precision, and the same function without.
PAIRS = {
    "float": (lambda x: x.float().exp(), torch.exp),
    "half": (lambda x: x.half().tanh(), torch.tanh),
    "to": (lambda x: x.to(F32).exp(), torch.exp),
    "to, by name": (lambda x: x.to(dtype=BF16).exp().to(x.dtype), torch.exp),
    "type": (lambda x: x.type(F32).exp(), torch.exp),
    "type of a class": (lambda x: x.type(torch.FloatTensor).exp(), torch.exp),
    "type_as": (lambda x: x.type_as(WEIGHT).exp(), torch.exp),
    "constant": (lambda x: x * torch.tensor(0.1, dtype=F32), lambda x: x * 0.1),
    "zeros and indices": (
        lambda x: torch.zeros(5, 6, dtype=F32).index_add(0, torch.tensor([0, 1, 1, 3]), x.float()),
        lambda x: torch.zeros(5, 6).index_add(0, torch.tensor([0, 1, 1, 3]), x),
    ),
    "softmax with a dtype": (lambda x: F.softmax(x, -1, dtype=F32), lambda x: F.softmax(x, -1)),
    "sum with a dtype": (lambda x: x.sum(0, dtype=F32), lambda x: x.sum(0)),
    "attention": (
        lambda x: F.scaled_dot_product_attention(*[x.float()[None, None]] * 3),
        lambda x: F.scaled_dot_product_attention(*[x[None, None]] * 3),
    ),
    "autocast": (autocast, lambda x: x @ x.T),
    "rule of its own": (Ruled.apply, RuledTwin.apply),
    "checkpoint": (lambda x: checkpoint(lambda y: y.float().sin() ** 2, x, use_reentrant=False), lambda x: x.sin() ** 2),
    "vmap": (torch.func.vmap(lambda row: row.float() / row.float().sum()), lambda x: x / x.sum(1, keepdim=True)),
    "grad inside": (
        torch.func.grad(lambda x: (x.float().sin() ** 2).sum()),
        torch.func.grad(lambda x: (x.sin() ** 2).sum()),
    ),
    "in place": (in_place, lambda x: x * 3),
    "out=": (lambda x: torch.exp(x.detach().float(), out=torch.empty(4, 6, dtype=F32)) * x, lambda x: x.detach().exp() * x),
    "weights": (lambda x: F.linear(x, WEIGHT), lambda x: F.linear(x, WEIGHT.double())),
    "layer": (lambda x: LINEAR(x), lambda x: F.linear(x, LINEAR.weight.double(), LINEAR.bias.double())),
    "sort": (lambda x: x.float().sort(-1).values, lambda x: x.sort(-1).values),
    "linear system": (lambda x: torch.linalg.solve((x @ x.T).float(), x.float()), lambda x: torch.linalg.solve(x @ x.T, x)),
    "fft": (lambda x: torch.fft.fft(x.float()).abs(), lambda x: torch.fft.fft(x).abs()),
    "inference": (torch.inference_mode()(lambda x: x.float().exp()), torch.inference_mode()(lambda x: x.exp())),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_a_pinned_precision_is_overruled(name):
    pinned, plain = PAIRS[name]
    wrt = () if name == "inference" else "all"
    actual, steps = lifted(lambda x: pinned(x), X, wrt=wrt)  # so that the input has one name
    expected, _ = lifted(lambda x: plain(x), X, wrt=wrt)
    assert steps
    assert actual.keys() == expected.keys()
    for leaf, value in actual.items():
        assert value.dtype == np.float64, leaf
        np.testing.assert_allclose(value, expected[leaf], rtol=2e-14, atol=2e-14, err_msg=leaf)


@pytest.mark.parametrize(("module", "inputs"), [(LSTM, 1), (ATTENTION, 3)], ids=["LSTM", "MultiheadAttention"])
def test_layers_of_torch(module, inputs):
    leaves, _ = lifted(lambda x: module(*[x] * inputs)[0], X)
    twin = type(module)(6, 3 if module is LSTM else 2).double()
    twin.load_state_dict({name: value.double() for name, value in module.state_dict().items()})
    expected, steps = lifted(lambda x: twin(*[x] * inputs)[0], X)
    assert not steps
    for leaf, value in leaves.items():
        np.testing.assert_allclose(value, expected[leaf], rtol=2e-14, atol=2e-15, err_msg=leaf)


class TestPinnedSteps:
    def test_where_and_how(self):
        (step,) = lifted(lambda x: x.float().exp(), X)[1]
        assert (step.dtype, step.kind) == ("float32", Kind.NARROWED)
        assert step.place.startswith("test_torch_lifting.py:")

    def test_what_no_input_reaches_is_a_table(self):
        (step,) = lifted(lambda x: x * torch.arange(6, dtype=F32).sin(), X)[1]
        assert step.kind is Kind.MADE
        (step,) = lifted(lambda x: x * torch.arange(6.0).sin().bfloat16(), X)[1]
        assert (step.kind, step.dtype) == (Kind.MADE, "bfloat16")

    def test_none_without_a_pin(self):
        assert not lifted(lambda x: F.layer_norm(x.sin(), (6,)) @ x.T, X)[1]

    def test_the_second_run_counts_nothing_again(self):
        def function(x):
            return x.float()

        with torch_backend.settings("float64"):
            arrays = {"x": torch.from_numpy(X)}
            one = lifting.get("torch").lift(function, lambda f, a: f(a["x"]), arrays, ("x",))
            for _ in range(2):
                one.run(arrays, cotangent)
        assert list(one.pinned.counts.values()) == [1]


class TestHeldArrays:
    def test_nudged_they_move_the_result_by_a_unit(self):
        table = torch.arange(6.0, dtype=F32).sin()
        with torch_backend.settings("float64"):
            arrays = {"x": torch.from_numpy(X)}
            one = lifting.get("torch").lift(lambda x: x * table, lambda f, a: f(a["x"]), arrays, ("x",))
            plain, nudged = (one.run(arrays, cotangent, nudged=nudged).outputs["out"] for nudged in (False, True))
        assert one.held == {("float32", (6,))}
        moved = ((nudged - plain).abs() / (plain.abs() + 1e-300)).detach().numpy()
        np.testing.assert_allclose(moved[:, 1:], 2.0**-23, rtol=1e-6)


def test_what_the_caller_holds_is_as_it_was():
    weight, buffer = WEIGHT.clone(), torch.zeros(6)

    def function(x):
        buffer.add_(x.float().sum(0).detach())
        return F.linear(x, WEIGHT)

    lifted(function, X)
    assert torch.equal(WEIGHT, weight)
    assert WEIGHT.dtype == buffer.dtype == F32
    assert torch.finfo(torch.float64).eps == np.finfo(np.float64).eps


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + torch.finfo(x.dtype).eps,
        lambda x: x + np.finfo(np.float64).eps,
    ],
)
def test_finfo_is_that_of_the_callers_dtype(function):
    leaves, steps = lifted(function, X)
    np.testing.assert_array_equal(leaves["out"], X + np.finfo(np.float32).eps)
    (step,) = steps
    assert step.kind is Kind.DEFINED
    assert step.place.startswith("test_torch_lifting.py:")


def test_the_default_eps_of_rms_norm_is_that_of_the_callers_dtype():
    leaves, steps = lifted(lambda x: F.rms_norm(x, (6,)), X * 1e-3)
    expected, none = lifted(lambda x: F.rms_norm(x, (6,), eps=float(np.finfo(np.float32).eps)), X * 1e-3)
    np.testing.assert_allclose(leaves["out"], expected["out"], rtol=1e-14)
    (step,) = steps
    assert step.kind is Kind.DEFINED
    assert step.place.startswith("test_torch_lifting.py:")
    assert not none


def test_bits_are_those_of_the_number_that_the_code_has():
    leaves, steps = lifted(lambda x: x.float().view(torch.int32), X, wrt=())
    assert np.array_equal(leaves["out"], X.astype(np.float32).view(np.int32))
    assert any(step.kind is Kind.NOT_LIFTED for step in steps)
