"""Differences that a shipped declaration describes are told by its text in a check that declares nothing."""

from __future__ import annotations

import numpy as np
import pytest

import parity
from parity import Verdict
from parity.data.inputs import normal
from parity.judge.conventions import shipped, told
from parity.judge.finding import Cause, Finding
from tests.both import found

X = normal((16, 5), 0, "x")


@pytest.fixture
def frameworks():
    global jax, jnp, torch
    import jax
    import jax.numpy as jnp
    import torch


def text_of(op):
    return next(entry.reason for entry in shipped() if entry.op == op)


def finding(**changed):
    given = {"leaf": "out", "verdict": Verdict.SEMANTIC, "error": 1e-4, "causes": (Cause("gelu form", "an edit"),)}
    return Finding(dtype="float64", mode="eager", **{**given, **changed})


def is_told(one):
    (judged,) = told([one])
    assert judged.verdict is one.verdict
    return "known convention: jax.nn.gelu is the tanh approximation" in judged.causes[0].evidence


def test_the_cause_carries_the_text():
    assert is_told(finding())
    assert is_told(finding(leaf="grad/x"))


@pytest.mark.parametrize(
    "changed",
    [{"error": 2e-3}, {"error": np.nan}, {"verdict": Verdict.STABILITY}, {"causes": (Cause("constant factor", ""),)}],
)
def test_beyond_the_bound_or_of_another_kind_it_does_not(changed):
    assert not is_told(finding(**changed))


def test_a_declaration_about_outputs_is_not_about_gradients():
    causes = (Cause("biased variance", ""),)
    (out, place, gradient) = told([finding(leaf=n, causes=causes) for n in ("out", "out/1", "grad/x")])
    assert "torch.std" in out.causes[0].evidence
    assert "torch.std" in place.causes[0].evidence
    assert gradient.causes == causes


@pytest.mark.both
class TestChecks:
    @pytest.mark.parametrize(
        ("op", "jax_fn", "torch_fn"),
        [
            ("gelu by default", lambda x: jax.nn.gelu(x), lambda x: torch.nn.functional.gelu(x)),
            ("standard deviation by default", lambda x: jnp.std(x, 1), lambda x: torch.std(x, 1)),
            ("median of an even number", lambda x: jnp.median(x[0, :4]), lambda x: torch.median(x[0, :4])),
        ],
    )
    def test_of_another_name(self, frameworks, op, jax_fn, torch_fn):
        report = parity.check(jax_fn, torch_fn, (X,), wrt=(), name="mine")
        assert found(report).verdict is Verdict.SEMANTIC
        assert text_of(op) in found(report).causes[0].evidence

    def test_a_factor_is_no_convention(self, frameworks):
        report = parity.check(lambda x: jax.nn.gelu(x, False) * 1.0001, lambda x: torch.nn.functional.gelu(x), (X,))
        assert "known convention" not in str(report)
