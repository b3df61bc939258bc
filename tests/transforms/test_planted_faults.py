"""A fault in one side's function shows in the cells that can see it, with the side named where it can be known."""

from __future__ import annotations

import numpy as np
import pytest

from parity.data.inputs import normal
from parity.errors import InputError
from parity.judge.finding import Verdict
from parity.transforms.check import check_transforms

pytestmark = pytest.mark.both

INPUTS = {"x": normal((3, 5), 0, "x"), "weight": normal((5, 2), 0, "weight")}


@pytest.fixture(autouse=True, scope="module")
def frameworks():
    global jax, jnp, torch
    import jax
    import jax.numpy as jnp
    import torch


def jax_layer(x, weight):
    return jnp.tanh(x @ weight)


def torch_layer(x, weight):
    return torch.tanh(x @ weight)


def verdicts(matrix):
    return {(o.group, o.cell): o.verdict for o in matrix.outcomes}


def sided(side, odd, good, **options):
    return check_transforms(*((odd, good) if side == "jax" else (good, odd)), INPUTS, **options)


class TestCorrectPair:
    def test_every_cell_passes(self):
        matrix = check_transforms(jax_layer, torch_layer, INPUTS)
        assert matrix.passed, str(matrix)
        assert matrix.left_out == []
        assert len(matrix.outcomes) == 42
        declared = {(o.group, o.cell) for o in matrix.outcomes if o.verdict is Verdict.CONVENTION}
        assert declared == {("compositions", "vmap∘jit"), ("compositions", "jvp∘jit")}
        assert "0 failed" in str(matrix)


class TestGradientFault:
    @pytest.mark.parametrize("side", ["jax", "torch"])
    def test_a_detached_input_is_seen_by_gradients_and_not_by_vmap(self, side):
        def odd_jax(x, weight):
            return jnp.tanh(jax.lax.stop_gradient(x) @ weight) + 0 * (x @ weight)

        def odd_torch(x, weight):
            return torch.tanh(x.detach() @ weight) + 0 * (x @ weight)

        odd, good = (odd_jax, torch_layer) if side == "jax" else (odd_torch, jax_layer)
        matrix = sided(side, odd, good, groups=("vmap", "grad"))
        found = verdicts(matrix)
        assert all(verdict.passes for (group, _), verdict in found.items() if group == "vmap")
        for cell in (
            "by name",
            "value_and_grad",
            "has_aux",
            "pytrees",
            "vjp",
            "jvp",
            "linearize",
            "hvp",
            "per example",
        ):
            assert found["grad", cell] is Verdict.SEMANTIC, cell
        assert not matrix.passed
        assert matrix.outcome("grad", "vjp").message.startswith("jax against torch: x: largest difference 1 ")
        assert found["grad", "argnums=0"].passes  # the weight comes first, by its name

    def test_where_one_side_disagrees_with_itself_it_is_named(self):
        class Wrong(torch.autograd.Function):
            @staticmethod
            def forward(x):
                return torch.tanh(x)

            @staticmethod
            def setup_context(ctx, inputs, output):
                ctx.save_for_backward(output)
                ctx.save_for_forward(output)

            @staticmethod
            def backward(ctx, cotangent):
                (output,) = ctx.saved_tensors
                return cotangent * (1 - output)  # not squared

            @staticmethod
            def jvp(ctx, tangent):
                (output,) = ctx.saved_tensors
                return tangent * (1 - output**2)

        matrix = check_transforms(jax_layer, lambda x, weight: Wrong.apply(x @ weight), INPUTS, groups=("grad",))
        found = matrix.outcome("grad", "jvp")
        assert (found.verdict, found.side) == (Verdict.SEMANTIC, "torch")
        assert found.message.startswith("torch: the identity does not hold: ")


class TestBatchFault:
    @pytest.mark.parametrize("side", ["jax", "torch"])
    def test_a_function_that_is_not_safe_under_vmap(self, side):
        # Its result depends on whether it is mapped, as that of code does that asks for a static shape or a type.
        def odd_jax(x, weight):
            return jax_layer(x, weight) * (2 if any("Batch" in type(one).__name__ for one in (x, weight)) else 1)

        def odd_torch(x, weight):
            return torch_layer(x, weight) * (2 if any(map(torch._C._functorch.is_batchedtensor, (x, weight))) else 1)

        odd, good = (odd_jax, torch_layer) if side == "jax" else (odd_torch, jax_layer)
        matrix = sided(side, odd, good, groups=("vmap",))
        for cell in ("in_axes=0", "in_axes=1", "in_axes=-1", "in_axes=(0, None)", "nested", "batch of 1"):
            found = matrix.outcome("vmap", cell)
            assert (found.verdict, found.side) == (Verdict.SEMANTIC, side), cell
            assert found.message.startswith(f"{side}: the identity does not hold: largest difference ")


class TestCompilationFault:
    def test_an_impure_function_is_named_with_its_side(self):
        log = []

        def impure(x, weight):
            log.append(1)
            return torch_layer(x, weight)

        found = check_transforms(jax_layer, impure, INPUTS, groups=("jit",)).outcome("jit", "pure")
        assert (found.verdict, found.side) == (Verdict.SEMANTIC, "torch")
        assert found.message.startswith("torch: impure: side effect: changes what is in closure variable log")

    def test_a_function_that_cannot_be_compiled_is_an_error(self):
        def branches(x, weight):
            return torch_layer(x, weight) if float(x.sum()) > -1e9 else x

        matrix = check_transforms(jax_layer, branches, INPUTS, groups=("jit",))
        found = matrix.outcome("jit", "compiled")
        assert (found.verdict, found.side) == (Verdict.ERROR, "torch")
        assert found.message.startswith("torch: ")

    def test_other_numbers_when_compiled(self):
        def odd(x, weight):
            return jax_layer(x, weight) * (2 if isinstance(x, jax.core.Tracer) else 1)

        found = check_transforms(odd, torch_layer, INPUTS, groups=("jit",)).outcome("jit", "compiled")
        assert (found.verdict, found.side) == (Verdict.SEMANTIC, "jax")

    def test_no_compiler_no_pass(self):
        with jax.disable_jit():
            found = check_transforms(jax_layer, torch_layer, INPUTS, groups=("jit",)).outcome("jit", "compiled")
        assert (found.verdict, found.side) == (Verdict.ERROR, "jax")
        assert "jax.jit is disabled" in found.message

    def test_torch_that_runs_eagerly_without_a_word_is_no_pass(self):
        @torch.compiler.disable(recursive=True)
        def skipped(x, weight):
            return torch_layer(x, weight)

        with torch.compiler.set_stance("force_eager"):
            found = check_transforms(jax_layer, torch_layer, INPUTS, groups=("jit",)).outcome("jit", "compiled")
        assert (found.verdict, found.side) == (Verdict.ERROR, "torch")
        assert "compiled nothing: it ran eagerly" in found.message
        found = check_transforms(jax_layer, skipped, INPUTS, groups=("jit",)).outcome("jit", "compiled")
        assert (found.verdict, found.side) == (Verdict.ERROR, "torch")


class TestNothingToSee:
    def test_zeros_are_vacuous(self):
        matrix = check_transforms(lambda x: x * 0, lambda x: x * 0, (INPUTS["x"],), groups=("vmap", "grad"))
        assert matrix.outcome("vmap", "in_axes=0").verdict is Verdict.VACUOUS
        assert matrix.outcome("grad", "vjp").verdict is Verdict.VACUOUS
        assert not matrix.passed

    def test_a_linear_function_has_derivatives_of_every_order(self):
        # The scalar that is differentiated bends by itself.
        matrix = check_transforms(lambda x: x * 3, lambda x: 3 * x, (INPUTS["x"],), groups=("grad",))
        assert matrix.passed, str(matrix)
        assert [(one.cell, one.reason) for one in matrix.left_out] == [
            ("argnums=(0, -1)", "there is only one input to differentiate")
        ]

    def test_without_a_floating_input_every_cell_has_a_reason(self):
        def double(x):
            return x * 2

        matrix = check_transforms(double, double, (np.arange(6).reshape(2, 3),), groups=("vmap", "grad", "jit"))
        assert {(o.group, o.cell) for o in matrix.outcomes} == {("jit", "compiled"), ("jit", "pure")}
        reasons = {one.reason for one in matrix.left_out}
        assert reasons == {
            "no input is a floating array",
            "no floating input is differentiated",
            "no input is a floating array: there is no other dtype to compile for",
        }
        assert len(matrix.outcomes) + len(matrix.left_out) == 30

    def test_a_scalar_has_no_second_axis(self):
        matrix = check_transforms(
            lambda x, scale: x * scale, lambda x, scale: x * scale, (INPUTS["x"], np.float32(2.5)), groups=("vmap",)
        )
        assert [(one.cell, one.reason) for one in matrix.left_out] == [
            ("in_axes=1", "scale is a scalar: a batch of it has no second axis")
        ]
        # torch cannot map an empty batch of scalars; what no entry declares is an error, with torch's own words.
        (failed,) = matrix.failures
        assert (failed.cell, failed.verdict, failed.side) == ("batch of 0", Verdict.ERROR, "torch")
        assert "IndexError: select(): index 0 out of range for tensor of size [0]" in failed.message

    def test_nothing_to_differentiate(self):
        matrix = check_transforms(jax_layer, torch_layer, INPUTS, wrt=(), groups=("vmap", "grad"))
        assert {o.group for o in matrix.outcomes} == {"vmap"}
        assert {one.reason for one in matrix.left_out} == {"no floating input is differentiated"}


class TestOtherTrees:
    def test_other_outputs_are_a_structure(self):
        matrix = check_transforms(lambda x: {"a": x}, lambda x: {"b": x}, (INPUTS["x"],), groups=("vmap",))
        found = matrix.outcome("vmap", "in_axes=0")
        assert (found.verdict, found.side) == (Verdict.STRUCTURE, None)
        assert found.message == "jax against torch: only jax returns out/a; only torch returns out/b"

    def test_trees_in_and_out(self):
        def function(params, x, power):
            return {"y": [params["w"] * x, params["b"]["c"] + x**power]}

        inputs = {"params": {"w": INPUTS["x"], "b": {"c": INPUTS["x"] + 1}}, "x": INPUTS["x"] + 2, "power": 3}
        matrix = check_transforms(function, function, inputs, groups=("vmap", "grad"))
        assert matrix.passed, str(matrix)
        assert matrix.left_out == []


class TestArguments:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"groups": ()}, "groups: got none, expected some of jit, vmap, grad, compositions"),
            ({"groups": ("jitt",)}, "groups: got 'jitt', expected some of jit"),
            ({"another": {"x": INPUTS["x"]}}, "another: got x, expected weight, x as in inputs"),
            ({"wrt": "y"}, "wrt: got 'y', expected names or positions"),
            ({"unsupported": "no.toml"}, "deviations: cannot read no.toml"),
            ({"deviations": [{"leaf": "*"}]}, "deviations: got a dict, expected parity.Deviation objects"),
        ],
    )
    def test_what_does_not_fit_is_named(self, options, message):
        with pytest.raises(InputError, match=f"^{message}"):
            check_transforms(jax_layer, torch_layer, INPUTS, **options)

    def test_no_function(self):
        with pytest.raises(InputError, match=r"^torch_fn: got int, expected a function"):
            check_transforms(jax_layer, 3, INPUTS)


def test_a_badly_conditioned_pair_is_rounding_in_every_cell_as_in_a_check():
    """Cancellation leaves 1e-10 of relative error in float64 on both sides alike: not a different function."""
    inputs = {name: normal((64, 5), number, name) for number, name in enumerate("abc")}
    matrix = check_transforms(
        lambda a, b, c: (a * 0.1 + c * 0.7) + b * 1e6 - b * 1e6,
        lambda a, b, c: a * 0.1 + (b * 1e6 + c * 0.7) - b * 1e6,
        inputs,
        groups=("vmap",),
    )
    assert max(outcome.error for outcome in matrix.outcomes) > 1e-12
    assert {outcome.verdict for outcome in matrix.outcomes} <= {Verdict.EXACT, Verdict.ROUNDING}, str(matrix)
