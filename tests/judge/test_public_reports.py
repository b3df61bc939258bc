"""Pairs after public reports of ports that went wrong, each with the verdict that is right.

`source` names the report. What needs flax or optax is written out in jax.numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import parity
from parity.judge.finding import Verdict

pytestmark = pytest.mark.both
jax = pytest.importorskip("jax", exc_type=ImportError)
torch = pytest.importorskip("torch", exc_type=ImportError)
import jax.numpy as jnp  # noqa: E402
from torch.nn import functional as F  # noqa: E402

RNG = np.random.default_rng(20261201)


def normal(*shape, scale=1.0, shift=0.0):
    return (RNG.standard_normal(shape) * scale + shift).astype(np.float32)


@dataclass(frozen=True)
class Case:
    """A pair and what is right to say of it.

    Attributes:
        verdict: of the report; None where it passes.
        side: the side that is worse, where there is one.
    """

    source: str
    jax_fn: Callable[..., Any]
    torch_fn: Callable[..., Any]
    inputs: tuple[Any, ...]
    verdict: Verdict | None = None
    side: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


def flax_layer_norm(x, scale, bias):
    """flax's LayerNorm computes the variance as E[x²] - E[x]², in float32 whatever it is given."""
    y = x.astype(jnp.float32)
    mean = y.mean(-1, keepdims=True)
    variance = jnp.maximum((y * y).mean(-1, keepdims=True) - mean * mean, 0)
    return ((y - mean) * jax.lax.rsqrt(variance + 1e-5)).astype(x.dtype) * scale + bias


def pool_counting_padding(x):
    return jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, 3, 3, 1), (1, 1, 1, 1), "SAME") / 9


def torch_pool(x):
    return F.avg_pool2d(x.permute(0, 3, 1, 2), 3, 1, 1, count_include_pad=False).permute(0, 2, 3, 1)


def resize(x):
    return jax.image.resize(x, (x.shape[0], 4, 4, x.shape[3]), "bicubic")


def torch_resize(antialias):
    def function(x):
        x = x.permute(0, 3, 1, 2)
        return F.interpolate(x, size=(4, 4), mode="bicubic", antialias=antialias).permute(0, 2, 3, 1)

    return function


def decoupled(p, gradients):
    m = v = jnp.zeros_like(p)
    for t, g in enumerate(gradients, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        p = p - 1e-2 * (m / (1 - 0.9**t) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8) + 0.1 * p)
    return p


def optimized(make):
    def function(p, gradients):
        parameter = torch.nn.Parameter(p.detach().clone())
        optimizer = make([parameter])
        for gradient in gradients:
            parameter.grad = gradient.clone()
            optimizer.step()
        return parameter.detach()

    return function


def huber(p, t):
    error = jnp.abs(p - t)
    return jnp.where(error < 0.5, 0.5 * error**2, 0.5 * (error - 0.25)).mean()


def cross_entropy(logits, labels):
    counts = labels != -100
    rows = -jnp.take_along_axis(jax.nn.log_softmax(logits), jnp.where(counts, labels, 0)[:, None], 1)[:, 0]
    return (rows * counts).mean()


def naive_bce(x, y):
    p = jax.nn.sigmoid(x)
    return -(y * jnp.log(p + 1e-15) + (1 - y) * jnp.log(1 - p + 1e-15)).mean()


def cosine(a, b):
    return jnp.sum(a * b, -1) / (jnp.linalg.norm(a, axis=-1) * jnp.linalg.norm(b, axis=-1))


def torch_attention(q, k, v, **options):
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, **options).transpose(1, 2)


def scanned(x):
    return jax.lax.scan(lambda total, value: (total + value, None), jnp.zeros((), x.dtype), x)[0]


def rounded_product(a, b):
    low = [jax.lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7) for x in (a, b)]
    return low[0] @ low[1]


def uniform_to_normal(u):
    low, high = jax.scipy.stats.norm.cdf(-2.0), jax.scipy.stats.norm.cdf(2.0)
    return 0.02 * jax.scipy.special.ndtri(low + u * (high - low))


def torch_uniform_to_normal(u):
    low, high = (torch.special.ndtr(torch.tensor(bound / 0.02, dtype=u.dtype)) for bound in (-2.0, 2.0))
    return (0.02 * torch.special.ndtri(low + u * (high - low))).clamp(-2.0, 2.0)


def dropout(x):
    return jnp.where(jax.random.bernoulli(jax.random.key(1), 0.9, x.shape), x / 0.9, 0.0)


MASK = np.ones((3, 5), bool)
MASK[1] = False
MASK[2, 3:] = False
Q, K, V = normal(1, 3, 2, 4), normal(1, 5, 2, 4), normal(1, 5, 2, 4)
DIFFERENT, UNSTABLE = Verdict.SEMANTIC, Verdict.STABILITY
CASES = {
    "the eps of rms_norm, ported": Case(
        "goodfire-ai/spd#625",
        lambda x, g: x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1.1920929e-07) * g,
        lambda x, g: F.rms_norm(x, (8,), g),
        (normal(5, 8, scale=0.05), normal(8, shift=1.0, scale=0.1)),
    ),
    "fast variance": Case(
        "google/flax#1491", flax_layer_norm, lambda x, s, b: F.layer_norm(x, (32,), s, b),
        (normal(6, 32, scale=0.05, shift=40.0), normal(32, shift=1.0, scale=0.1), normal(32)), UNSTABLE, "jax",
    ),
    "padding in an average": Case("google/flax#2401", pool_counting_padding, torch_pool, (normal(2, 5, 6, 3),), DIFFERENT),
    "antialias": Case("sayakpaul/cmmd-pytorch#4", resize, torch_resize(False), (normal(1, 9, 9, 2),), DIFFERENT),
    "antialias on both sides": Case("sayakpaul/cmmd-pytorch#4", resize, torch_resize(True), (normal(1, 9, 9, 2),)),
    "weight decay in Adam": Case(
        "google-deepmind/optax#417", decoupled, optimized(lambda p: torch.optim.Adam(p, lr=1e-2, weight_decay=0.1)),
        (normal(7), normal(3, 7)), DIFFERENT, options={"wrt": ()},
    ),
    "weight decay in AdamW": Case(
        "google-deepmind/optax#417", decoupled, optimized(lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.1)),
        (normal(7), normal(3, 7)), options={"wrt": ()},
    ),
    "Huber and smooth L1": Case(
        "pytorch/pytorch#48595", huber, lambda p, t: F.smooth_l1_loss(p, t, beta=0.5), (normal(6, 3), normal(6, 3)), DIFFERENT
    ),
    "mean over ignored labels": Case(
        "pytorch/pytorch#73205", cross_entropy, lambda x, n: F.cross_entropy(x, n.long()),
        (normal(6, 5), np.array([1, -100, 3, 0, -100, 4], np.int32)), DIFFERENT,
    ),
    "logarithm of a sigmoid": Case(
        "jax-ml/jax#23646", naive_bce, F.binary_cross_entropy_with_logits,
        (np.linspace(-14, 19, 12).astype(np.float32).reshape(4, 3), np.zeros((4, 3), np.float32)), UNSTABLE, "jax",
        {"wrt": (0,)},
    ),
    "cosine of tiny vectors": Case(
        "pytorch/pytorch#115786", cosine, F.cosine_similarity, (normal(4, 3, scale=2e3), normal(4, 3, scale=4e-9)), DIFFERENT
    ),
    "causal masks": Case(
        "pytorch/pytorch#103082", lambda q, k, v: jax.nn.dot_product_attention(q, k, v, is_causal=True),
        lambda q, k, v: torch_attention(q, k, v, is_causal=True), (Q, K, V),
    ),
    "a fully masked row": Case(
        "pytorch/pytorch#131060", lambda q, k, v, m: jax.nn.dot_product_attention(q, k, v, mask=m[None, None]),
        lambda q, k, v, m: torch_attention(q, k, v, attn_mask=m[None, None]), (Q, K, V, MASK), DIFFERENT,
    ),
    "padding_idx": Case(
        "pytorch/pytorch#1812", lambda w, n: jnp.take(w, n, axis=0), lambda w, n: F.embedding(n.long(), w, padding_idx=0),
        (normal(6, 3), np.array([[0, 2, 5], [1, 0, 2]], np.int32)), DIFFERENT,
    ),
    "the same trap on both sides": Case(
        "pytorch/pytorch#23395", lambda x: jnp.where(x > 0, jnp.sqrt(x), 0.0),
        lambda x: torch.where(x > 0, torch.sqrt(x), torch.zeros_like(x)), (np.array([4.0, -1, 0.25, -3, 2], np.float32),),
    ),
    "index -1": Case(
        "jax-ml/jax#17387", lambda v, n: jnp.zeros(5, v.dtype).at[n].add(v, mode="drop"),
        lambda v, n: torch.zeros(5, dtype=v.dtype).index_add(0, n.long()[n >= 0], v[n >= 0]),
        (normal(6), np.array([0, 1, -1, 3, 1, -1], np.int32)), DIFFERENT,
    ),
    "digamma": Case(
        "pytorch/pytorch#137888", jax.scipy.special.digamma, torch.digamma, (np.linspace(0.1, 6, 24).astype(np.float32),)
    ),
    "log gamma near two": Case(
        "jax-ml/jax#21284", jax.scipy.special.gammaln, torch.lgamma,
        ((2 + np.linspace(1e-5, 2e-3, 16)).astype(np.float32),), UNSTABLE, "jax",
    ),
    "adding in bfloat16": Case(
        "jax-ml/ml_dtypes#63", scanned, lambda x: x.sum(), (RNG.uniform(size=2000).astype(np.float32),), UNSTABLE, "jax",
        {"dtypes": ("float32", "bfloat16"), "wrt": ()},
    ),
    "operands of a product in bfloat16": Case(
        "jax-ml/jax#1856", rounded_product, lambda a, b: a @ b,
        (RNG.uniform(size=(6, 8)).astype(np.float32), RNG.uniform(size=(8, 5)).astype(np.float32)),
        Verdict.INTERNAL_PRECISION, "jax",
    ),
    "bounds of a truncated normal": Case(
        "google/flax#4091", uniform_to_normal, torch_uniform_to_normal,
        (RNG.uniform(0.02, 0.98, 64).astype(np.float32),), DIFFERENT,
    ),
    "hidden random numbers": Case(
        "jax-ml/jax#22101", dropout, lambda x: F.dropout(x, 0.1, training=True), (normal(8, 8),), Verdict.ERROR, "torch"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_verdict_is_right(name):
    case = CASES[name]
    report = parity.check(case.jax_fn, case.torch_fn, case.inputs, causes_s=1e-9, name=name, **case.options)
    if case.verdict is None:
        assert report.passed, str(report)
        return
    assert report.verdict is case.verdict, str(report)
    failing = [finding for finding in report.findings if not finding.verdict.passes]
    if case.side:
        assert {finding.side for finding in failing if finding.verdict is case.verdict} == {case.side}
