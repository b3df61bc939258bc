"""Torch code that differentiates inside is run as people write it, and its gradients are never called stopped."""

from __future__ import annotations

import pytest

from parity import Verdict
from parity.data.inputs import normal
from tests.both import check, found

pytestmark = pytest.mark.both

INPUTS = {"w": normal((4, 3), 0, "w"), "x": normal((5, 4), 0, "x"), "y": normal((5, 3), 0, "y")}


@pytest.fixture(autouse=True, scope="module")
def frameworks():
    global jax, jnp, torch
    import jax
    import jax.numpy as jnp
    import torch


def loss_of(w, x, y):
    return ((x @ w - y) ** 2).mean()


def jax_step(w, x, y):
    loss, gradient = jax.value_and_grad(loss_of)(w, x, y)
    return {"loss": loss, "w": w - 0.1 * gradient}


def trained(parameter, x, y, rate=0.1):
    optimizer = torch.optim.SGD([parameter], lr=rate)
    loss = loss_of(parameter, x, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"loss": loss, "w": parameter}


def cloned(w, x, y):
    return trained(w.detach().clone().requires_grad_(), x, y)


def as_parameter(w, x, y):
    return trained(torch.nn.Parameter(w.clone()), x, y)


def aliased(w, x, y):
    return trained(torch.nn.Parameter(w), x, y)


def the_input_itself(w, x, y):
    return trained(w.requires_grad_(), x, y)


def by_attribute(w, x, y):
    parameter = w.detach().requires_grad_()
    loss = loss_of(parameter, x, y)
    loss.backward()
    return {"loss": loss.detach(), "w": w - 0.1 * parameter.grad}


def by_grad(w, x, y):
    w = w.requires_grad_()
    loss = loss_of(w, x, y)
    (gradient,) = torch.autograd.grad(loss, w, retain_graph=True)
    return {"loss": loss, "w": w - 0.1 * gradient}


def with_graph(w, x, y):
    w = w.requires_grad_()
    loss = loss_of(w, x, y)
    (gradient,) = torch.autograd.grad(loss, w, create_graph=True)
    return {"loss": loss, "w": w - 0.1 * gradient}


def functional(w, x, y):
    gradient, loss = torch.func.grad_and_value(loss_of)(w, x, y)
    return {"loss": loss, "w": w - 0.1 * gradient}


def too_fast(w, x, y):
    return trained(w.detach().clone().requires_grad_(), x, y, rate=0.2)


HOLDS = [cloned, as_parameter, aliased, the_input_itself, by_attribute, by_grad]


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
class TestTrainingStep:
    @pytest.mark.parametrize("step", [*HOLDS, with_graph, functional], ids=lambda step: step.__name__)
    def test_the_outputs_are_compared(self, step):
        report = check(jax_step, step, INPUTS, wrt=())
        assert report.passed, report
        assert {f.leaf for f in report.findings} >= {"out/loss", "out/w"}

    @pytest.mark.parametrize("step", HOLDS, ids=lambda step: step.__name__)
    def test_gradients_that_torch_cannot_give(self, step):
        report = check(jax_step, step, INPUTS)
        assert report.verdict is Verdict.INCONCLUSIVE
        assert found(report, "out/w").verdict.passes
        undecided = [f for f in report.findings if f.verdict is Verdict.INCONCLUSIVE]
        assert undecided
        assert all(f.leaf.startswith("grad") and not f.causes for f in undecided)
        assert all(f"torch trains or differentiates inside ({__file__}:" in f.message for f in undecided)
        assert all("pass wrt=()" in f.message for f in undecided)

    @pytest.mark.parametrize("step", [with_graph, functional], ids=lambda step: step.__name__)
    def test_gradients_that_torch_gives(self, step):
        report = check(jax_step, step, INPUTS)
        assert report.passed
        assert found(report, "grad/w").size == 12

    @pytest.mark.parametrize("wrt", [(), "all"])
    def test_a_wrong_step(self, wrt):
        report = check(jax_step, too_fast, INPUTS, wrt=wrt)
        assert found(report, "out/w").verdict is Verdict.SEMANTIC

    @pytest.mark.parametrize("step", [aliased, the_input_itself])
    def test_an_input_that_is_trained_in_place_is_reported(self, step):
        finding = found(check(jax_step, step, INPUTS, wrt=()), "in/w")
        assert (finding.verdict, finding.warning, finding.side) == (Verdict.EXACT, True, "torch")
        assert "trains its input w in place" in finding.message


def test_a_step_on_gradients_that_are_inputs():
    def of_jax(w, g):
        return w - 0.1 * g

    def of_torch(w, g):
        parameter = torch.nn.Parameter(w.clone())
        parameter.grad = g.detach().clone()
        torch.optim.SGD([parameter], lr=0.1).step()
        return parameter

    inputs = {"w": INPUTS["w"], "g": normal((4, 3), 1, "g")}
    assert check(of_jax, of_torch, inputs, wrt=()).passed
    report = check(of_jax, of_torch, inputs)
    assert found(report).verdict.passes
    assert report.verdict is Verdict.INCONCLUSIVE


def test_a_gradient_penalty():
    def of_jax(w, x):
        return jnp.sum(jax.grad(lambda x: jnp.sum(jnp.tanh(x @ w)))(x) ** 2)

    def of_torch(w, x):
        x = x.detach().requires_grad_() if not x.requires_grad else x
        (gradient,) = torch.autograd.grad(torch.tanh(x @ w).sum(), x, create_graph=True)
        return (gradient**2).sum()

    inputs = {name: INPUTS[name] for name in ("w", "x")}
    assert check(of_jax, of_torch, inputs).passed
    assert check(of_jax, of_torch, inputs, wrt=()).passed


def test_an_inner_derivative_that_changes_nothing_hides_nothing():
    def logging(x, stop):
        probe = x.detach().requires_grad_()
        (probe**2).sum().backward()
        return (x.detach() if stop else x) ** 2

    x = (INPUTS["x"],)
    assert check(lambda x: x**2, lambda x: logging(x, stop=False), x).passed
    assert check(lambda x: x**2, lambda x: logging(x, stop=True), x).verdict is Verdict.INCONCLUSIVE


def test_a_detached_output_without_an_inner_derivative_is_a_stopped_gradient():
    finding = found(check(lambda x: x**2, lambda x: x.detach() ** 2, (INPUTS["x"],)), "grad/x")
    assert finding.verdict is Verdict.SEMANTIC


def test_a_write_into_an_input_without_an_inner_derivative_fails():
    def writes(x):
        x *= 2
        return x

    finding = found(check(lambda x: x * 2, writes, (INPUTS["x"],), wrt=()), "in/x")
    assert finding.verdict is Verdict.SEMANTIC


def test_the_private_hook_is_there_and_left_as_it_was():
    from parity.execution.backends import torch_inner

    before = getattr(torch.autograd, torch_inner.ENGINE)
    with torch_inner.inner_derivatives() as seen:
        x = torch.ones(2, requires_grad=True)
        torch.autograd.grad(x.sum(), x, create_graph=True)
        assert seen.place
        assert not seen.is_held
        x.sum().backward()
    assert seen.is_held
    assert getattr(torch.autograd, torch_inner.ENGINE) is before


def test_without_the_private_hook_the_public_ones_are_watched(monkeypatch):
    from parity.execution.backends import torch_inner

    monkeypatch.setattr(torch_inner, "ENGINE", "_no_such_function")
    report = check(jax_step, cloned, INPUTS)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert check(jax_step, with_graph, INPUTS).passed
