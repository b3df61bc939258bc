"""Every floating step of a JAX function in float64: a function that pins a precision gives what its twin without pins gives."""

from __future__ import annotations

import numpy as np
import pytest

from parity.data.arguments import parse
from parity.data.dtypes import as_float64
from parity.data.inputs import cotangent
from parity.execution import lifting
from parity.execution.lifting import Kind

jax = pytest.importorskip("jax", exc_type=ImportError)
import jax.numpy as jnp  # noqa: E402
from jax import lax  # noqa: E402

from parity.execution.backends import jax_backend  # noqa: E402

RNG = np.random.default_rng(7)
X = RNG.standard_normal((4, 6))
POSITIVE = np.abs(X) + 0.1
F32, BF16 = jnp.float32, jnp.bfloat16


def lifted(function, *inputs, wrt="all"):
    """Outputs and gradients by name, and the pinned steps."""
    arguments = parse(inputs, wrt, (function, function))

    def call(target, arrays):
        return arguments.call(target, arguments.tree(arrays))

    with jax_backend.settings("float64"):
        arrays = {name: jnp.asarray(array) for name, array in arguments.arrays.items()}
        one = lifting.get("jax").lift(function, call, arrays, arguments.wrt)
        evaluation = one.run(arrays, cotangent)
        leaves = {**evaluation.outputs, **{f"grad/{name}": leaf for name, leaf in evaluation.gradients.items()}}
        return {name: np.asarray(leaf) for name, leaf in leaves.items() if leaf is not None}, one.pinned.counts


def scan(x):
    return lax.scan(lambda carry, row: (carry * row + 1, carry.sum()), jnp.ones(x.shape[1], x.dtype), x)


@jax.custom_vjp
def ruled(x):
    return jnp.sin(x)


ruled.defvjp(lambda x: (jnp.sin(x), x), lambda x, g: (g * jnp.cos(x.astype(F32)).astype(x.dtype) * 2,))


@jax.custom_vjp
def ruled_twin(x):
    return jnp.sin(x)


ruled_twin.defvjp(lambda x: (jnp.sin(x), x), lambda x, g: (g * jnp.cos(x) * 2,))

# A function that pins a precision, and the same function without.
PAIRS = {
    "cast": (lambda x: jnp.exp(x.astype(F32)), jnp.exp),
    "cast to bfloat16 and back": (lambda x: jnp.tanh(x.astype(BF16)).astype(x.dtype), jnp.tanh),
    "numpy dtype": (lambda x: jnp.exp(x.astype(np.float32)), jnp.exp),
    "constant": (lambda x: x * jnp.array(0.1, F32), lambda x: x * 0.1),
    "zeros and indices": (
        lambda x: jnp.zeros((5, 6), F32).at[jnp.array([0, 1, 1, 3])].add(x.astype(F32)),
        lambda x: jnp.zeros((5, 6)).at[jnp.array([0, 1, 1, 3])].add(x),
    ),
    "scatter of the largest": (
        lambda x: jnp.zeros((5, 6), F32).at[jnp.array([0, 1, 2, 3])].max(x.astype(F32)),
        lambda x: jnp.zeros((5, 6)).at[jnp.array([0, 1, 2, 3])].max(x),
    ),
    "accumulation": (
        lambda x: lax.dot_general(x, x, (((1,), (1,)), ((), ())), preferred_element_type=F32),
        lambda x: x @ x.T,
    ),
    "softmax": (lambda x: jax.nn.softmax(x.astype(F32)), jax.nn.softmax),
    "gelu": (lambda x: jax.nn.gelu(x.astype(BF16)), jax.nn.gelu),
    "scan": (lambda x: scan(x.astype(F32)), scan),
    "cond": (
        lambda x: lax.cond(x[0, 0] > 0, lambda y: y.astype(F32) * 2, lambda y: y.astype(F32) + 1, x),
        lambda x: lax.cond(x[0, 0] > 0, lambda y: y * 2, lambda y: y + 1, x),
    ),
    "fori": (
        lambda x: lax.fori_loop(0, 3, lambda i, y: jnp.sin(y) + i, x.astype(F32)),
        lambda x: lax.fori_loop(0, 3, lambda i, y: jnp.sin(y) + i, x),
    ),
    "reduce": (
        lambda x: lax.reduce(x.astype(F32), jnp.array(0, F32), lambda a, b: a + b, (0,)),
        lambda x: lax.reduce(x, jnp.array(0.0), lambda a, b: a + b, (0,)),
    ),
    "jit": (jax.jit(lambda x: jnp.sin(x.astype(F32)) * 3), lambda x: jnp.sin(x) * 3),
    "remat": (jax.checkpoint(lambda x: jnp.sin(x.astype(F32)) ** 2), lambda x: jnp.sin(x) ** 2),
    "vmap": (jax.vmap(lambda row: row.astype(F32) / row.astype(F32).sum()), lambda x: x / x.sum(1, keepdims=True)),
    "grad inside": (
        jax.grad(lambda x: (jnp.sin(x.astype(F32)) ** 2).sum().astype(x.dtype)),
        jax.grad(lambda x: (jnp.sin(x) ** 2).sum()),
    ),
    "rule of its own": (ruled, ruled_twin),
    "reduce_precision": (lambda x: lax.reduce_precision(x, 8, 7) @ x.T, lambda x: x @ x.T),
    "sort": (lambda x: jnp.sort(x.astype(F32), axis=-1), lambda x: jnp.sort(x, axis=-1)),
    "cumsum": (lambda x: jnp.cumsum(x.astype(F32), 1), lambda x: jnp.cumsum(x, 1)),
    "linear system": (lambda x: jnp.linalg.solve((x @ x.T).astype(F32), x.astype(F32)), lambda x: jnp.linalg.solve(x @ x.T, x)),
    "fft": (lambda x: jnp.abs(jnp.fft.fft(x.astype(F32))), lambda x: jnp.abs(jnp.fft.fft(x))),
    "dot_product_attention": (
        lambda x: jax.nn.dot_product_attention(*[x[None, :, None, :]] * 3),
        lambda x: (jax.nn.softmax(x @ x.T / np.sqrt(6)) @ x)[None, :, None, :],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_a_pinned_precision_is_overruled(name):
    pinned, plain = PAIRS[name]
    actual, steps = lifted(lambda x: pinned(x), X)  # so that the input has one name
    expected, none = lifted(lambda x: plain(x), X)
    assert steps
    assert not none
    assert actual.keys() == expected.keys()
    for leaf, value in actual.items():
        assert value.dtype == expected[leaf].dtype == np.float64, leaf
        np.testing.assert_allclose(value, expected[leaf], rtol=2e-14, atol=2e-14, err_msg=leaf)


class TestPinnedSteps:
    def test_where_and_how(self):
        (step,) = lifted(lambda x: jnp.exp(x.astype(F32)), X)[1]
        assert (step.dtype, step.kind) == ("float32", Kind.NARROWED)
        assert step.place.startswith("test_jax_lifting.py:")

    def test_what_no_input_reaches_is_a_table(self):
        (step,) = lifted(lambda x: x * jnp.sin(jnp.arange(6, dtype=F32)), X)[1]
        assert step.kind is Kind.MADE
        (step,) = lifted(lambda x: x * jnp.sin(jnp.arange(6.0)).astype(BF16), X)[1]
        assert (step.kind, step.dtype) == (Kind.MADE, "bfloat16")

    def test_in_loops_and_calls(self):
        (step,) = lifted(lambda x: lax.scan(lambda c, y: (c, jax.jit(lambda z: z.astype(F32))(y)), 0.0, x)[1], X)[1]
        assert (step.dtype, step.kind) == ("float32", Kind.NARROWED)

    def test_none_without_a_pin(self):
        assert not lifted(lambda x: scan(jnp.sin(x) / 3), X)[1]


class TestHeldArrays:
    TABLE = np.sin(np.arange(6)).astype(np.float32)

    def test_nudged_they_move_the_result_by_a_unit(self):
        def function(x):
            return x * jnp.asarray(self.TABLE)

        arguments = parse((X,), "all", (function, function))
        with jax_backend.settings("float64"):
            arrays = {name: jnp.asarray(array) for name, array in arguments.arrays.items()}
            one = lifting.get("jax").lift(function, lambda f, a: f(a["x"]), arrays, ("x",))
            plain, nudged = (one.run(arrays, cotangent, nudged=nudged).outputs["out"] for nudged in (False, True))
        assert one.held == {("float32", (6,))}
        moved = np.abs(np.asarray(nudged) - np.asarray(plain)) / np.abs(np.asarray(plain) + 1e-300)
        np.testing.assert_allclose(moved[:, 1:], 2.0**-23, rtol=1e-6)


class TestFallbacks:
    def test_whole_numbers_that_decide_about_shapes(self):
        leaves, _ = lifted(lambda x, n: jnp.arange(int(n), dtype=F32) * x.sum().astype(F32), X, np.array(3))
        np.testing.assert_allclose(leaves["out"], np.arange(3) * X.sum(), rtol=1e-14)
        assert leaves["out"].dtype == np.float64

    def test_a_callback_gets_float64_if_it_asks_for_no_dtype(self):
        def function(x):
            return jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, F32), x.astype(F32))

        np.testing.assert_allclose(lifted(function, X, wrt=())[0]["out"], np.sin(X), rtol=1e-14)

    def test_a_callback_with_a_dtype_runs_as_it_is_and_is_noted(self):
        def function(x):
            shape = jax.ShapeDtypeStruct(x.shape, F32)
            return jax.pure_callback(lambda y: np.sin(y).astype(np.float32), shape, x.astype(F32))

        leaves, steps = lifted(function, X, wrt=())
        assert leaves["out"].dtype == np.float64
        np.testing.assert_allclose(leaves["out"], np.sin(X), rtol=1e-6)
        assert any(step.kind is Kind.NOT_LIFTED and step.what == "pure_callback" for step in steps)

    def test_what_cannot_be_traced_raises(self):
        with pytest.raises(jax.errors.TracerBoolConversionError):
            lifted(lambda x: x if x[0, 0] > 0 else -x, X)

    def test_bits_are_those_of_the_number_that_the_code_has(self):
        leaves, _ = lifted(lambda x: lax.bitcast_convert_type(x.astype(F32), jnp.int32), X, wrt=())
        assert np.array_equal(leaves["out"], X.astype(np.float32).view(np.int32))


def test_a_function_that_was_jitted_before_is_lifted_too():
    function = jax.jit(lambda x: jnp.sin(x.astype(F32)))
    with jax_backend.settings("float64"):
        assert function(jnp.asarray(X)).dtype == F32
    np.testing.assert_allclose(lifted(function, X)[0]["out"], np.sin(X), rtol=1e-14)
    with jax_backend.settings("float64"):
        assert function(jnp.asarray(X)).dtype == F32  # and is what it was afterwards


def test_finfo_is_that_of_the_callers_dtype():
    leaves, steps = lifted(lambda x: jnp.maximum(x, 0) + jnp.finfo(x.dtype).eps, X)
    np.testing.assert_array_equal(leaves["out"], np.maximum(X, 0) + np.finfo(np.float32).eps)
    (step,) = steps
    assert step.kind is Kind.DEFINED
    assert step.place.startswith("test_jax_lifting.py:")
    assert as_float64(np.array(jnp.finfo(jnp.float64).eps)) == np.finfo(np.float64).eps
