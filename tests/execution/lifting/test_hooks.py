"""The private function of JAX that lifting hooks into: is it still there, and what happens without it?"""

from __future__ import annotations

import numpy as np
import pytest

from parity.data.arguments import parse
from parity.data.inputs import cotangent
from parity.execution import lifting

jax = pytest.importorskip("jax", exc_type=ImportError)
import jax.numpy as jnp  # noqa: E402

from parity.execution.backends import jax_backend  # noqa: E402
from parity.execution.lifting import jax_requests  # noqa: E402

X = np.linspace(-1, 1, 6)


def test_the_hook_sees_what_the_code_asks_for():
    """If this fails, JAX has moved the function that `jax_requests.HOOK` names: find where it went."""
    with jax.enable_x64(True), jax_requests.lifted_requests():
        traced = jax.make_jaxpr(
            lambda x: x.astype(jnp.float32) * jnp.array(0.1, jnp.bfloat16) + jnp.zeros(6, "float16")
        )(X)
    assert "f32" not in str(traced)
    assert "bf16" not in str(traced)
    assert "f16" not in str(traced)


def test_all_is_as_it_was_afterwards():
    before = getattr(jax_requests.private, jax_requests.HOOK)
    with pytest.raises(KeyError), jax_requests.lifted_requests():
        raise KeyError
    assert getattr(jax_requests.private, jax_requests.HOOK) is before
    assert jnp.float32.dtype == np.float32
    assert jnp.zeros(2, jnp.bfloat16).dtype == jnp.bfloat16


def test_without_it_the_traced_program_is_lifted(monkeypatch):
    monkeypatch.setattr(jax_requests, "HOOK", "a function that JAX does not have")

    def function(x):
        return jnp.exp(x.astype(jnp.float32)).astype(jnp.bfloat16)

    arguments = parse((X,), "all", (function, function))
    with jax_backend.settings("float64"):
        arrays = {"x": jnp.asarray(X)}
        one = lifting.get("jax").lift(function, lambda f, a: f(a["x"]), arrays, arguments.wrt)
        evaluation = one.run(arrays, cotangent)
        np.testing.assert_allclose(np.asarray(evaluation.outputs["out"]), np.exp(X), rtol=1e-15)
    assert one.pinned.counts
