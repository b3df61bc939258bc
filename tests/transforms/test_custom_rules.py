"""Functions with a gradient rule of their own: reverse mode works, and what a framework cannot do is its own error."""

from __future__ import annotations

import pytest

from parity.data.inputs import normal
from parity.judge.deviations import load
from parity.judge.finding import Verdict
from parity.transforms.check import check_transforms

pytestmark = pytest.mark.both

INPUTS = {"x": normal((3, 5), 0, "x"), "weight": normal((5, 2), 0, "weight")}
JAX_FORWARD = "can't apply forward-mode autodiff (jvp) to a custom_vjp function"
TORCH_FORWARD = "You must implement the jvp function for custom autograd.Function to use it with forward mode AD"
UNSUPPORTED = {
    ("grad", "jvp"): {"jax": JAX_FORWARD, "torch": TORCH_FORWARD},
    ("grad", "linearize"): {"jax": JAX_FORWARD, "torch": TORCH_FORWARD},
    ("grad", "jacfwd"): {"jax": JAX_FORWARD, "torch": TORCH_FORWARD},
    ("grad", "hessian"): {"torch": TORCH_FORWARD},
    ("grad", "hvp"): {"torch": TORCH_FORWARD},
    ("grad", "third order"): {"jax": "Differentiation rule for 'custom_lin' not implemented", "torch": TORCH_FORWARD},
    ("compositions", "vmap∘jit"): {"torch": "Calling torch.func.vmap(compiled_fn) function from eager mode"},
    ("compositions", "jvp∘jit"): {
        "jax": JAX_FORWARD,
        "torch": "Calling torch.func.jvp(compiled_fn) function from eager mode",
    },
    ("compositions", "jit∘vmap∘grad"): {
        "torch": "You tried to vmap over ApplyTemplate, but it does not have vmap support"
    },
}


@pytest.fixture(autouse=True, scope="module")
def frameworks():
    global jax, jnp, torch
    import jax
    import jax.numpy as jnp
    import torch


def jax_layer(factor):
    @jax.custom_vjp
    def tanh(x):
        return jnp.tanh(x)

    tanh.defvjp(lambda x: (jnp.tanh(x),) * 2, lambda out, u: (factor * u * (1 - out**2),))
    return lambda x, weight: tanh(x @ weight)


def torch_layer(factor):
    class Tanh(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return torch.tanh(x)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(output)

        @staticmethod
        def backward(ctx, u):
            (out,) = ctx.saved_tensors
            return factor * u * (1 - out**2)

    return lambda x, weight: Tanh.apply(x @ weight)


def declarations(tmp_path, left_out=()):
    lines = []
    for (group, cell), errors in UNSUPPORTED.items():
        for side, error in errors.items():
            if (cell, side) not in left_out:
                lines += [
                    "[[deviation]]",
                    'op = "rule"',
                    'leaf = "*"',
                    'verdict = "ERROR"',
                    "bound = inf",
                    'owner = "parity"',
                    f'group = "{group}"',
                    f'cell = "{cell}"',
                    f'side = "{side}"',
                ]
                lines += [f'error = "{error}"', 'reason = "a rule of its own"', 'link = "https://example.org"', ""]
    path = tmp_path / "declared.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_what_is_declared_is_all_that_does_not_work(tmp_path):
    matrix = check_transforms(jax_layer(1), torch_layer(1), INPUTS, name="rule", unsupported=declarations(tmp_path))
    assert matrix.passed, str(matrix)
    found = {(o.group, o.cell) for o in matrix.outcomes if o.verdict is Verdict.CONVENTION}
    assert found == set(UNSUPPORTED)


def test_one_side_undeclared_is_an_error_of_that_side(tmp_path):
    path = declarations(tmp_path, left_out=[("jvp", "torch")])
    matrix = check_transforms(jax_layer(1), torch_layer(1), INPUTS, name="rule", groups=("grad",), deviations=path)
    (failed,) = matrix.failures
    assert (failed.cell, failed.verdict, failed.side) == ("jvp", Verdict.ERROR, "torch")


@pytest.mark.parametrize("side", ["jax", "torch"])
def test_a_wrong_rule_is_caught(tmp_path, side):
    factors = (1.001, 1) if side == "jax" else (1, 1.001)
    matrix = check_transforms(
        jax_layer(factors[0]),
        torch_layer(factors[1]),
        INPUTS,
        name="rule",
        groups=("vmap", "grad"),
        deviations=load(declarations(tmp_path)),
    )
    wrong = {o.cell for o in matrix.failures}
    assert {"vjp", "argnums=0", "value_and_grad", "jacrev", "per example", "stop_gradient"} <= wrong
    assert {o.verdict for o in matrix.failures} == {Verdict.SEMANTIC}
    assert not wrong & {o.cell for o in matrix.outcomes if o.group == "vmap"}
