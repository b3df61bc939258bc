"""Nothing is timed that did not pass parity."""

from __future__ import annotations

import numpy as np
import pytest

from parity import ops
from parity.bench.subjects.subject import of_op, of_pair

pytestmark = pytest.mark.both
X = np.linspace(-2, 2, 15, dtype=np.float32).reshape(3, 5)


@pytest.fixture(scope="module")
def passed():
    from parity.bench.subjects.gate import gate

    op = ops.load("attention")
    return gate(of_op(op, "gradient", "float32", op.sizes[0]), 60.0)


def outputs(passed, factor=1.0):
    return {name: (truth * factor).astype(np.float32) for name, truth in passed.truths.items()}


def test_an_operation_passes_with_its_gradients(passed):
    assert passed.message == ""
    assert set(passed.truths) == {"out", "grad/query", "grad/key", "grad/value"}
    assert {finding.dtype for finding in passed.findings} == {"float64", "float32"}
    assert all(error < 10 for error in passed.errors.values())


def test_the_truth_itself_is_let_through(passed):
    assert passed.judge(outputs(passed)) == ""


@pytest.mark.parametrize("leaf", ["out", "grad/key"])
def test_what_is_off_is_refused_and_named(passed, leaf):
    found = outputs(passed)
    found[leaf] = found[leaf] * np.float32(1 + 1e-5)
    assert passed.judge(found).startswith(f"{leaf} is ")
    assert "units of float32 from the float64 truth" in passed.judge(found)


def test_one_nan_is_refused(passed):
    found = outputs(passed)
    found["out"].flat[0] = np.nan
    assert passed.judge(found).startswith("out is inf units")


def test_a_missing_or_misshapen_leaf_is_refused(passed):
    found = outputs(passed)
    assert "has shape" in passed.judge({**found, "out": found["out"][:1]})
    del found["grad/key"]
    assert passed.judge(found).startswith("it returns grad/query, grad/value, out, expected ")


def test_different_functions_are_refused_with_the_finding():
    import jax.numpy as jnp
    import torch

    from parity.bench.subjects.gate import gate

    found = gate(of_pair("p", jnp.tanh, lambda x: torch.tanh(x) * 1.001, (X,), "forward", "float32"), 60.0)
    assert "SEMANTIC" in found.message
    assert found.truths == {}


def test_nothing_compared_is_no_pass():
    import jax.numpy as jnp
    import torch

    from parity.bench.subjects.gate import gate

    found = gate(of_pair("p", jnp.zeros_like, torch.zeros_like, (X,), "forward", "float32"), 60.0)
    assert "VACUOUS" in found.message


def test_gradients_of_complex_inputs_are_aligned_before_they_are_judged():
    import jax.numpy as jnp
    import torch

    from parity.bench.subjects.candidates import candidates
    from parity.bench.subjects.gate import gate
    from parity.bench.subjects.ready import frameworks, prepare

    z = (X + 1j * X.T.reshape(3, 5)).astype(np.complex64)
    subject = of_pair("p", jnp.exp, torch.exp, (z,), "gradient", "float32")
    passed = gate(subject, 60.0)
    assert passed.message == ""
    assert np.abs(passed.truths["grad/x"].imag).max() > 0.1
    with frameworks("float32") as compilations:
        for candidate in candidates(subject):
            ready = prepare(candidate, subject, "cpu", compilations[candidate.backend])
            assert passed.judge(ready.first) == "", candidate.name
