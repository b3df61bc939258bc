"""Operations of either framework that have no derivative, as the frameworks themselves word it today."""

from __future__ import annotations

import numpy as np
import pytest

from parity import Verdict
from parity.execution.no_derivative import no_derivative
from tests.both import check, found

pytestmark = pytest.mark.both

X = np.linspace(0.5, 3, 6).astype(np.float32)


@pytest.fixture(autouse=True, scope="module")
def frameworks():
    global jax, jnp, torch
    import jax
    import jax.numpy as jnp
    import torch


def looped(x):
    return jax.lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] * 2.0), (0, x))[1]


@pytest.mark.parametrize(
    ("of_jax", "of_torch", "side", "words"),
    [
        (lambda x, y: jnp.heaviside(x - 1, y), lambda x, y: torch.heaviside(x - 1, y), "torch", "heaviside"),
        (
            lambda x, y: jax.scipy.special.gammainc(x, y),
            lambda x, y: torch.special.gammainc(x, y),
            "torch",
            "igamma with respect to its argument input",
        ),
        (lambda x, y: jax.lax.nextafter(x, y), lambda x, y: torch.nextafter(x, y), "jax", "nextafter"),
        (lambda x, y: looped(x) + y, lambda x, y: x * 8 + y, "jax", "lax.while_loop"),
    ],
)
def test_the_finding_says_just_that(of_jax, of_torch, side, words):
    report = check(of_jax, of_torch, (X, X[::-1].copy()))
    assert found(report).verdict.passes
    finding = found(report, "grad")
    assert (finding.verdict, finding.side) == (Verdict.ERROR, side)
    assert finding.message.startswith(f"{side} has no derivative of {words}, so no gradient was compared")
    assert "wrt=()" in finding.message


def test_another_error_is_told_as_it_is():
    assert no_derivative("torch", "RuntimeError: derivative of the market is not known") == ""
