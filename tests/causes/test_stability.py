"""STABILITY has a cause where a usual pattern stands on the worse side and not on the other."""

from __future__ import annotations

import numpy as np
import pytest

import parity
from parity.data.inputs import normal
from parity.judge.finding import Verdict

pytestmark = pytest.mark.both

OFFSET = (normal((6, 32), 0, "x") * 0.05 + 40).astype(np.float32)
LOG = "log of a sigmoid or softmax"
LARGE = np.linspace(-4, 8, 12).astype(np.float32).reshape(4, 3)
ROWS = (normal((6, 200), 0, "r") + 1).astype(np.float32)


def fast_variance(x):
    return (x * x).mean(1) - x.mean(1) ** 2


def variance(x):
    return ((x - x.mean(1, keepdims=True)) ** 2).mean(1)


def log_of_sigmoid(n, sigmoid):
    return lambda x: n.log(1 - sigmoid(x)).sum(1)


def cases():
    import jax
    import jax.numpy as jnp
    import torch
    import torch.nn.functional as functional

    def low(x):
        return jnp.sum(x.astype(jnp.bfloat16), 1, dtype=jnp.bfloat16).astype(x.dtype)

    return {
        "variance, jax": (fast_variance, lambda x: x.var(1, correction=0), OFFSET, "jax", "variance as E[x²] − E[x]²"),
        "variance, torch": (variance, fast_variance, OFFSET, "torch", "variance as E[x²] − E[x]²"),
        "sigmoid, jax": (
            log_of_sigmoid(jnp, jax.nn.sigmoid), lambda x: functional.logsigmoid(-x).sum(1), LARGE, "jax", LOG,
        ),
        "sigmoid, torch": (
            lambda x: jax.nn.log_sigmoid(-x).sum(1), log_of_sigmoid(torch, torch.sigmoid), LARGE, "torch", LOG,
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["variance, jax", "variance, torch", "sigmoid, jax", "sigmoid, torch"])
def test_pattern_of_the_worse_side_is_named_with_its_line(name):
    jax_side, torch_side, x, side, cause = cases()[name]
    report = parity.check(jax_side, torch_side, (x,), wrt=())
    worse = [f for f in report.findings if f.verdict is Verdict.STABILITY]
    assert worse, str(report)
    for finding in worse:
        assert finding.side == side
        assert finding.causes[0].name == cause
        assert finding.causes[0].evidence.startswith(f"{side}: ")
        assert "test_stability.py:" in finding.causes[0].evidence


def programs(jax_side, torch_side, x):
    from parity.programs import trace_jax, trace_torch

    arrays = {"x": x.astype(np.float64)}
    call = lambda f, given: f(given["x"])  # noqa: E731
    return trace_jax.trace(jax_side, call, arrays), trace_torch.trace(torch_side, call, arrays)


def names(worse, better):
    from parity.causes.stability import _causes

    return [cause.name for cause in _causes(worse, better)]


def test_nothing_is_said_of_a_pattern_that_both_sides_have_or_of_a_program_that_is_not_known():
    one, two = programs(fast_variance, fast_variance, OFFSET)
    assert names(one, two) == []
    assert names(two, one) == []
    assert names(one, None) == []


def test_exponents_without_their_largest_and_sums_of_low_precision_are_seen_on_either_side():
    import jax
    import jax.numpy as jnp
    import torch

    plain = programs(lambda x: jnp.log(jnp.exp(x).sum(1)), lambda x: torch.log(torch.exp(x).sum(1)), ROWS)
    guarded = programs(lambda x: jax.nn.logsumexp(x, axis=1), lambda x: torch.logsumexp(x, 1), ROWS)
    for one, other in zip(plain, reversed(guarded), strict=True):
        assert names(one, other) == ["exp without its largest exponent taken away"]
        assert names(other, one) == []
    low = programs(
        lambda x: x.astype(jnp.bfloat16).sum(1).astype(x.dtype), lambda x: x.bfloat16().sum(1).to(x.dtype), ROWS
    )
    high = programs(lambda x: x.sum(1), lambda x: x.sum(1), ROWS)
    for one, other in zip(low, reversed(high), strict=True):
        assert "low-precision accumulation" in names(one, other)


def test_sums_one_by_one_are_seen_where_the_other_side_sums_at_once():
    import jax
    import jax.numpy as jnp

    def loop(x):
        return jax.lax.scan(lambda s, v: (s + v, None), jnp.zeros(6, x.dtype), x.T)[0]

    one, other = programs(loop, lambda x: x.sum(1), ROWS)
    assert names(one, other) == ["accumulation one by one"]
    assert names(other, one) == []


@pytest.mark.parametrize(
    ("torch_side", "x", "cause"),
    [
        (lambda x: (3 * x).log() - 1.0986122886681098, np.linspace(1.0001, 1.001, 16), "cancellation near a root"),
        (lambda x: (3 * x).log() - 1.0986122886681098, np.linspace(2, 3, 16), None),
    ],
    ids=["near the root", "far from it"],
)
def test_cancellation(torch_side, x, cause):
    import jax.numpy as jnp

    report = parity.check(jnp.log, torch_side, (x.astype(np.float32),), wrt=())
    worse = [f for f in report.findings if f.verdict is Verdict.STABILITY]
    assert {f.causes[0].name if f.causes else None for f in worse} <= {cause}
    assert bool(worse) is bool(cause)


@pytest.mark.parametrize(("size", "named"), [(1e-39, True), (1e-30, False)])
def test_subnormal_numbers_that_one_side_takes_for_zero(size, named):
    report = parity.check(lambda x: x * 2, lambda x: x * (2 if named else 2.001), (ROWS * np.float32(size),), wrt=())
    causes = [cause for f in report.findings for cause in f.causes if cause.name == "subnormal numbers"]
    assert bool(causes) is named
    assert all("1200 of 1200 elements" in c.evidence and "known convention: JAX on a CPU" in c.evidence for c in causes)


def test_a_function_of_a_framework_itself_has_no_line():
    import jax.numpy as jnp
    import torch

    one = normal((4, 4), 0, "a").astype(np.float64)
    report = parity.check(jnp.linalg.cholesky, torch.linalg.cholesky, (one @ one.T + 4 * np.eye(4),), wrt=(), dtypes=())
    (finding,) = report.findings
    assert "symmetric inputs that hide a transpose, or which triangle is read: a" in finding.message
    assert finding.causes
    assert all(".py" not in cause.evidence for cause in finding.causes)
