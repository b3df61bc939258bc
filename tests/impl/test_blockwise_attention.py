"""Blockwise attention: block sizes do not show, the gradient rule is right and seen when wrong, memory is linear."""

from __future__ import annotations

import importlib
import itertools
from functools import partial

import numpy as np
import pytest

import parity
from parity import ops
from parity.data.inputs import normal
from tests.frameworks import framework, scaled_error

ARRAYS = ("query", "key", "value")
SIZES = [(7, 5), (1, 11), (5, 13)]  # T, S
BLOCKS = [(1, 1), (4, 3), (512, 512)]
reference = ops.load("blockwise_attention").reference


def arrays_of(queries, keys, batch=(2, 3), seed=0):
    shapes = {"query": (queries, 5), "key": (keys, 5), "value": (keys, 3)}
    return {name: normal((*batch, *shape), seed, name).astype(np.float64) for name, shape in shapes.items()}


def cotangent_of(arrays):
    return normal((*arrays["query"].shape[:-1], arrays["value"].shape[-1]), 0, "d_out").astype(np.float64)


def module(backend, name="blockwise_attention"):
    return importlib.import_module(f"impl_{backend}.{name}")


def blockwise(backend, causal=False):
    return partial(module(backend).blockwise_attention, causal=causal)


def plain(backend, causal=False):
    """`attention` of this framework under vmap; under a causal mask one query at a time, with the keys that it sees."""
    attention = module(backend, "attention").attention
    if backend == "jax":
        import jax
        import jax.numpy as jnp

        vmap, join = jax.vmap, jnp.concatenate
    else:
        import torch

        vmap, join = torch.func.vmap, torch.cat

    def one_head(query, key, value):
        if not causal:
            return attention(query, key, value)
        return join([attention(query[t : t + 1], key[: t + 1], value[: t + 1]) for t in range(len(query))])

    return lambda query, key, value: vmap(vmap(one_head))(query, key, value)


def second(backend, function):
    """Gradients of the sum of squares of the gradients of the sum of squares."""
    if backend == "jax":
        import jax

        grad, wrt = jax.grad, {"argnums": (0, 1, 2)}
    else:
        import torch

        grad, wrt = torch.func.grad, {"argnums": (0, 1, 2)}

    def energy(*arrays):
        return (function(*arrays) ** 2).sum()

    def slope(*arrays):
        return sum((gradient**2).sum() for gradient in grad(energy, **wrt)(*arrays))

    return lambda query, key, value: grad(slope, **wrt)(query, key, value)


@pytest.fixture
def small_blocks(backend, monkeypatch):
    """Several blocks at the sizes of these tests."""
    use_small_blocks(backend, monkeypatch)


def use_small_blocks(backend, monkeypatch):
    monkeypatch.setattr(module(backend), "_blocks", lambda *causal: (4, 3))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("queries", "keys"), SIZES)
class TestValues:
    @pytest.mark.parametrize("blocks", BLOCKS)
    def test_kernel_is_the_reference_for_all_block_sizes(self, backend, queries, keys, causal, blocks):
        kernel, arrays = module(backend, "blockwise_kernel"), arrays_of(queries, keys)

        def both(query, key, value, d_out):
            out, log_total = kernel.blockwise_forward(query, key, value, causal, 0, blocks)
            pulled = kernel.blockwise_backward(query, key, value, out, log_total, d_out, causal, 0, blocks)
            return out, log_total, pulled

        cotangent = cotangent_of(arrays)
        out, log_total, pulled = framework(backend).run(both, {**arrays, "d_out": cotangent})
        assert scaled_error(out, reference(**arrays, causal=causal)) <= 1e-12
        logits = np.einsum("bnth,bnsh->bnts", arrays["query"], arrays["key"]) / np.sqrt(5)
        if causal:
            logits[:, :, np.arange(keys) > np.arange(queries)[:, None]] = -np.inf
        assert scaled_error(log_total, np.log(np.exp(logits).sum(axis=3))) <= 1e-12
        gradient = framework(backend).gradient(plain(backend, causal), ARRAYS)
        expected = framework(backend).run(gradient, {"cotangents": cotangent, **arrays})
        for name, actual in zip(ARRAYS, pulled, strict=True):
            # One visible key has the weight 1 whatever the logits are: then the expected gradient is zero.
            largest = max(np.abs(expected[name]).max(), 1e-3)
            assert np.abs(actual - expected[name]).max() <= 1e-12 * largest, name

    def test_value_and_gradient_are_those_of_plain_attention(self, backend, small_blocks, queries, keys, causal):
        arrays = arrays_of(queries, keys)
        assert (
            scaled_error(framework(backend).run(blockwise(backend, causal), arrays), reference(**arrays, causal=causal))
            <= 1e-12
        )
        actual, expected = (
            framework(backend).run(
                framework(backend).gradient(function(backend, causal), ARRAYS),
                {"cotangents": cotangent_of(arrays), **arrays},
            )
            for function in (blockwise, plain)
        )
        for name in ARRAYS:
            largest = max(np.abs(expected[name]).max(), 1e-3)
            assert np.abs(actual[name] - expected[name]).max() <= 1e-12 * largest, name


class TestKernel:
    def test_later_queries_see_more_keys(self, backend):
        arrays = arrays_of(13, 11)
        forward = module(backend, "blockwise_kernel").blockwise_forward

        def rows(query, key, value, first):
            return forward(query, key, value, True, first, (4, 3))[0]

        whole = reference(**arrays, causal=True)
        for first, last in itertools.pairwise((0, 5, 6, 13)):
            part = arrays | {"query": arrays["query"][:, :, first:last]}
            actual = framework(backend).run(partial(rows, first=first), part)
            assert scaled_error(actual, whole[:, :, first:last]) <= 1e-12

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_sums_are_float32(self, backend, dtype):
        forward = module(backend, "blockwise_kernel").blockwise_forward

        def both(query, key, value):
            out, log_total = forward(query, key, value, False, 0, (4, 3))
            return out, log_total

        out, log_total = framework(backend).run(both, arrays_of(7, 11), dtype)
        assert (out.dtype.name, log_total.dtype.name) == (dtype, "float32")

    @pytest.mark.parametrize("causal", [False, True])
    def test_large_logits_do_not_overflow(self, backend, small_blocks, causal):
        arrays = arrays_of(7, 11)
        arrays["query"] *= 1e3
        actual = framework(backend).run(blockwise(backend, causal), arrays, "float32")
        # float32 rounds logits of about 1e3 at 1e-4.
        assert scaled_error(actual, reference(**arrays, causal=causal)) <= 1e-2


class TestTransformations:
    def test_vmap_over_any_axis_or_none(self, backend, small_blocks):
        arrays = arrays_of(7, 5, batch=(4, 2, 3))
        runs = [{name: array[i] for name, array in arrays.items()} | {"key": arrays["key"][0]} for i in range(4)]
        expected = np.stack([reference(**run, causal=True) for run in runs])

        def mapped(query, key, value):
            vmap = framework_vmap(backend)
            return vmap(blockwise(backend, True), (2, None, -1))(query, key, value)

        moved = {"query": np.moveaxis(arrays["query"], 0, 2), "key": runs[0]["key"]}
        actual = framework(backend).run(mapped, moved | {"value": np.moveaxis(arrays["value"], 0, -1)})
        assert scaled_error(actual, expected) <= 1e-12

    def test_vmap_of_the_gradient_is_a_loop(self, backend, small_blocks):
        arrays = arrays_of(7, 5, batch=(4, 2, 3))
        one = partial(gradient_of_energy, backend, blockwise(backend, True))
        actual = framework(backend).run(lambda **mapped: framework_vmap(backend)(one)(*mapped.values()), arrays)
        loop = [
            framework(backend).run(
                lambda **run: gradient_of_energy(backend, plain(backend, True), *run.values()),
                {name: array[i] for name, array in arrays.items()},
            )
            for i in range(4)
        ]
        assert scaled_error(actual, tuple(np.stack(parts) for parts in zip(*loop, strict=True))) <= 1e-12

    @pytest.mark.parametrize("causal", [False, True])
    def test_gradient_of_the_gradient(self, backend, small_blocks, causal):
        arrays = arrays_of(7, 5)
        actual, expected = (
            framework(backend).run(second(backend, function(backend, causal)), arrays)
            for function in (blockwise, plain)
        )
        assert scaled_error(actual, expected) <= 1e-11

    def test_second_derivative_of_a_float32_exponential_is_not_lost(self, backend, small_blocks):
        arrays = arrays_of(7, 5)
        actual = framework(backend).run(second(backend, blockwise(backend)), arrays, "float32")
        assert scaled_error(actual, framework(backend).run(second(backend, plain(backend)), arrays)) <= 1e-4

    def test_forward_mode_is_an_error(self, backend):
        def pushed(query, key, value):
            if backend == "jax":
                import jax

                return jax.jvp(lambda query: blockwise(backend)(query, key, value), (query,), (query,))
            import torch

            return torch.func.jvp(lambda query: blockwise(backend)(query, key, value), (query,), (query,))

        with pytest.raises((TypeError, RuntimeError), match=r"forward-mode|jvp"):
            framework(backend).run(pushed, arrays_of(7, 5))


def framework_vmap(backend):
    if backend == "jax":
        import jax

        return jax.vmap
    import torch

    return torch.func.vmap


def gradient_of_energy(backend, function, *arrays):
    def energy(*arrays):
        return (function(*arrays) ** 2).sum()

    if backend == "jax":
        import jax

        return jax.grad(energy, argnums=(0, 1, 2))(*arrays)
    import torch

    return torch.func.grad(energy, argnums=(0, 1, 2))(*arrays)


@pytest.mark.parametrize("causal", [1, None, np.True_])
def test_causal_is_a_python_bool(backend, causal):
    with pytest.raises(ValueError, match=r"^causal: got \S+, expected bool; pass it as a constant"):
        framework(backend).run(blockwise(backend, causal), arrays_of(7, 5))


def test_shapes_that_do_not_fit_are_named(backend):
    arrays = arrays_of(7, 5) | {"value": arrays_of(7, 4)["value"]}
    with pytest.raises(ValueError, match=r"^value: got S = 4, expected S = 5 as in key"):
        framework(backend).run(blockwise(backend), arrays)


@pytest.mark.both
class TestParity:
    @pytest.mark.parametrize("causal", [False, True])
    def test_several_blocks_pass(self, monkeypatch, causal):
        for backend in ("jax", "torch"):
            use_small_blocks(backend, monkeypatch)
        report = self.report(causal, dtypes=("float32", "bfloat16"))
        assert report.passed, report
        assert {finding.leaf for finding in report.findings} == {"out", "grad/query", "grad/key", "grad/value"}

    @pytest.mark.parametrize("gradient", [0, 1, 2])
    @pytest.mark.parametrize(("side", "rule"), [("jax", "blockwise_backward"), ("torch", "_backward")])
    def test_a_wrong_rule_is_caught(self, monkeypatch, side, rule, gradient):
        right = getattr(module(side), rule)

        def wrong(*inputs):
            pulled = list(right(*inputs))
            pulled[gradient] = pulled[gradient] * 1.0001
            return tuple(pulled)

        monkeypatch.setattr(module(side), rule, wrong)
        report = self.report(True, dtypes=())
        failed = {finding.leaf: finding.verdict for finding in report.findings if not finding.verdict.passes}
        assert failed == {f"grad/{ARRAYS[gradient]}": parity.Verdict.SEMANTIC}

    @staticmethod
    def report(causal, **options):
        inputs = {name: array.astype(np.float32) for name, array in arrays_of(7, 5).items()}
        functions = (module(side).blockwise_attention for side in ("jax", "torch"))
        return parity.check(*functions, inputs | {"causal": causal}, reference=reference, causes_s=1, **options)


class TestMemory:
    """Four times as long: linear is 4 times the memory, quadratic 16 times."""

    @pytest.mark.parametrize("causal", [False, True])
    @pytest.mark.parametrize("what", ["value", "gradient"])
    def test_extra_memory_is_linear(self, backend, monkeypatch, what, causal):
        # Not so small that the blocks themselves are all there is, and not so large that there is one of them.
        monkeypatch.setattr(module(backend), "_blocks", lambda *causal: (64, 64))
        measure = {"jax": self.jax_bytes, "torch": self.torch_bytes}[backend]
        function = blockwise(backend, causal)
        short, long = (measure(function, length, what) for length in (512, 2048))
        assert short > 0
        assert long <= 4.5 * short
        assert measure(plain(backend), 2048, what) >= 10 * measure(plain(backend), 512, what)

    @pytest.mark.both
    def test_second_derivative_of_torch_keeps_one_block_of_queries_at_a_time(self, monkeypatch):
        # The peak and not the largest tensor: many small blocks that are all kept are as large as a whole one.
        monkeypatch.setattr(module("torch"), "_blocks", lambda *causal: (64, 64))
        short, long = (self.torch_bytes(blockwise("torch"), length, "second") for length in (256, 1024))
        assert long <= 4.5 * short

    @staticmethod
    def jax_bytes(function, length, what):
        import jax
        import jax.numpy as jnp

        def pulled(*arrays):
            return jax.grad(lambda *arrays: (function(*arrays) ** 2).sum(), argnums=(0, 1, 2))(*arrays)

        array = jax.ShapeDtypeStruct((1, 1, length, 8), jnp.float32)
        compiled = jax.jit(function if what == "value" else pulled).lower(array, array, array).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    @staticmethod
    def torch_bytes(function, length, what):
        """Peak of what is allocated, also inside of a fused kernel."""
        import torch
        from torch.profiler import ProfilerActivity, profile

        arrays = [torch.ones(1, 1, length, 8, requires_grad=what != "value") for _ in ARRAYS]
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
            out = function(*arrays)
            if what != "value":
                first = torch.autograd.grad((out**2).sum(), arrays, create_graph=what == "second")
            if what == "second":
                torch.autograd.grad(sum((one**2).sum() for one in first), arrays)
        sizes = [event.nbytes() for event in recorded.profiler.kineto_results.events() if event.name() == "[memory]"]
        return max(itertools.accumulate(sizes))


@pytest.mark.both
class TestExp2:
    """The exponential of the JAX kernel, in float32."""

    def test_is_more_exact_than_the_library(self):
        import jax
        import jax.numpy as jnp

        x = np.linspace(-120, 0, 1_000_001).astype(np.float32)
        expected = 2.0 ** x.astype(np.float64)

        def error(function):
            return np.abs(framework("jax").run(function, {"x": x}, "float32") / expected - 1).max() * 2.0**24

        # 1.64 and 1.32 measured, since a compiler makes one rounding of a product and a sum; the library's: 68.9.
        assert error(self.function()) <= 1.7
        assert error(jax.jit(self.function())) <= 1.4
        assert error(lambda x: jnp.exp2(x)) > 1.7

    def test_ends_of_the_range(self):
        x = np.array([0, -1, -126, -127, -1e30, -np.inf, np.nan], np.float32)
        np.testing.assert_array_equal(self.exp2(x), np.array([1, 0.5, 2.0**-126, 0, 0, 0, np.nan], np.float32))

    def test_derivative(self):
        import jax

        x = np.linspace(-20, 0, 101)
        slopes = jax.vmap(jax.grad(self.function()))
        slope = framework("jax").run(lambda x: slopes(x), {"x": x}, "float32")
        assert scaled_error(slope, np.log(2) * 2.0**x) <= 1e-6

    def exp2(self, x):
        return framework("jax").run(self.function(), {"x": x}, "float32")

    @staticmethod
    def function():
        power = module("jax", "blockwise_kernel")._exp2
        return lambda x: power(x)
