"""Small pairs of ports, each with one fault of which the name is known: what the cause search is measured by.

`pairs` gives two halves: the first was looked at while the
search was written, the second was not. Each pair: the JAX side, the torch side, the inputs, and the
words of which the first cause must carry one (in its name or, behind a colon, in its evidence).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from parity.data.inputs import normal


class Pair(NamedTuple):
    """Two ports and the words of the right cause."""

    jax: Callable[..., Any]
    torch: Callable[..., Any]
    inputs: tuple[Any, ...]
    words: tuple[str, ...]


def pairs() -> tuple[dict[str, Pair], dict[str, Pair]]:
    import jax
    import jax.numpy as jnp
    import torch
    import torch.nn.functional as F

    def n(*shape: int, seed: int = 0, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
        return (normal(shape, seed, "pair") * scale + shift).astype(np.float32)

    def conv(x, w, flip=False):
        return jax.lax.conv_general_dilated(x, w[..., ::-1, ::-1] if flip else w, (1, 1), "VALID")

    def adam(xp, p, g, m, v, l2=0.0, decoupled=0.0, lr=0.01):
        g = g + l2 * p
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        return p - lr * (m / (xp.sqrt(v) + 1e-8) + decoupled * p)

    def amsgrad(xp, p, g, v, vmax, corrected):
        v = 0.999 * v + 0.001 * g * g
        hat = v / 0.271
        top = xp.maximum(vmax, hat) if corrected else xp.maximum(vmax, v) / 0.271
        return p - 0.01 * g / (xp.sqrt(top) + 1e-8)

    def ema(xs, first, debias):
        out = xs[0] if first else 0.0 * xs[0]
        for x in list(xs)[1 if first else 0 :]:
            out = 0.9 * out + 0.1 * x
        return out / (1 - 0.9 ** len(xs)) if debias else out

    def gru(xp, sig, x, h, w, u, bi, bh, after=True, candidate=True):
        k = h.shape[-1]
        gi = x @ w + bi
        r = sig(gi[:, :k] + h @ u[:, :k] + bh[:k])
        z = sig(gi[:, k : 2 * k] + h @ u[:, k : 2 * k] + bh[k : 2 * k])
        b = bh[2 * k :] if candidate else 0.0
        inner = r * (h @ u[:, 2 * k :] + b) if after else (r * h) @ u[:, 2 * k :] + b
        return (1 - z) * xp.tanh(gi[:, 2 * k :] + inner) + z * h

    def qkv(x, w, b, upto):
        y = x @ w
        return y + b if upto is None else jnp.concatenate([y[:, :upto] + b[:upto], y[:, upto:]], 1)

    def attend(xp, softmax, q, k, mask, zeros):
        scores = xp.where(mask, q @ k.T, -1e30)
        weights = softmax(scores, -1)
        return (xp.where(mask, weights, 0.0 * weights) if zeros else weights) @ k

    def huber(p, t, delta):
        d = jnp.abs(p - t)
        return jnp.where(d < delta, 0.5 * d * d, delta * (d - 0.5 * delta)).mean()

    def nll_jax(x, labels, mean):
        mask = labels >= 0
        rows = -jnp.take_along_axis(jax.nn.log_softmax(x), jnp.where(mask, labels, 0)[:, None], 1)[:, 0] * mask
        return rows.mean() if mean else rows.sum() / mask.sum()

    def resize(x, shape, method, antialias):
        return jax.image.resize(x, shape, method, antialias=antialias)

    labels = np.array([1, -100, 3, 0, -100, 4], np.int32)
    ids = np.array([[0, 2, 5], [1, 0, 2]], np.int32)
    mask = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]], bool)
    image, kernel = n(2, 3, 6, 7), n(4, 3, 3, 3, seed=1)
    cell = (n(3, 4), n(3, 5, seed=1), n(4, 15, seed=2), n(5, 15, seed=3), n(15, seed=4), n(15, seed=5))
    adam_inputs = (n(7), n(7, seed=1), n(7, seed=2), np.abs(n(7, seed=3)))

    tuning = {
        "kernel flipped": Pair(
            lambda x, w: conv(x, w, True),
            lambda x, w: F.conv2d(x, w),
            (image, kernel),
            ("reversed index",),
        ),
        "transposed convolution flipped": Pair(
            lambda x, w: jax.lax.conv_general_dilated(
                x, jnp.swapaxes(w, 0, 1), (1, 1), ((2, 2), (2, 2)), lhs_dilation=(2, 2)
            ),
            lambda x, w: F.conv_transpose2d(x, w, stride=2),
            (n(2, 3, 4, 5), n(3, 2, 3, 3, seed=1)),
            ("reversed index",),
        ),
        "L2 against decoupled decay": Pair(
            lambda p, g, m, v: adam(jnp, p, g, m, v, decoupled=0.1),
            lambda p, g, m, v: adam(torch, p, g, m, v, l2=0.1),
            adam_inputs,
            ("coupled weight decay",),
        ),
        "AMSGrad of corrected moments": Pair(
            lambda p, g, v, top: amsgrad(jnp, p, g, v, top, True),
            lambda p, g, v, top: amsgrad(torch, p, g, v, top, False),
            (n(7), n(7, seed=1), np.abs(n(7, seed=2)), np.abs(n(7, seed=3))),
            ("order",),
        ),
        "moving average from the first": Pair(
            lambda xs: ema(xs, False, False), lambda xs: ema(xs, True, False), (n(5, 4),), ("initial",)
        ),
        "moving average debiased": Pair(
            lambda xs: ema(xs, False, True), lambda xs: ema(xs, False, False), (n(5, 4),), ("bias correction",)
        ),
        "reset before the product": Pair(
            lambda *a: gru(jnp, jax.nn.sigmoid, *a, after=False),
            lambda *a: gru(torch, torch.sigmoid, *a),
            cell,
            ("update order",),
        ),
        "candidate without a bias": Pair(
            lambda *a: gru(jnp, jax.nn.sigmoid, *a, candidate=False),
            lambda *a: gru(torch, torch.sigmoid, *a),
            cell,
            ("bias",),
        ),
        "one slice of a bias": Pair(
            lambda x, w, b: qkv(x, w, b, 4), lambda x, w, b: x @ w + b, (n(5, 4), n(4, 6), n(6, seed=1)), ("bias",)
        ),
        "lower median": Pair(
            lambda x: jnp.median(x, axis=1), lambda x: x.median(dim=1).values, (n(5, 6),), ("median",)
        ),
        "rows without a key": Pair(
            lambda q, k, m: attend(jnp, jax.nn.softmax, q, k, m, False),
            lambda q, k, m: attend(torch, torch.softmax, q, k, m, True),
            (n(4, 5), n(3, 5, seed=1), mask),
            ("fully masked",),
        ),
        "padding row": Pair(
            lambda w, i: jnp.take(w, i, axis=0),
            lambda w, i: F.embedding(i.long(), w, padding_idx=0),
            (n(6, 3), ids),
            ("padding_idx",),
        ),
        "antialias": Pair(
            lambda x: resize(x, (2, 3, 3, 4), "linear", True),
            lambda x: F.interpolate(x, (3, 4), mode="bilinear"),
            (image,),
            ("antialias",),
        ),
        "Huber against smooth L1": Pair(
            lambda p, t: huber(p, t, 0.5),
            lambda p, t: F.smooth_l1_loss(p, t, beta=0.5),
            (n(6, 3), n(6, 3, seed=1)),
            ("constant factor",),
        ),
        "mean over ignored labels": Pair(
            lambda x, y: nll_jax(x, y, True),
            lambda x, y: F.cross_entropy(x, y.long(), ignore_index=-100),
            (n(6, 5), labels),
            ("counted", "mean against sum"),
        ),
        "sign of a term": Pair(
            lambda x, y: jnp.tanh(x @ y.T) - x,
            lambda x, y: -torch.tanh(x @ y.T) - x,
            (n(4, 4), n(4, 4, seed=1)),
            ("sign",),
        ),
        "epsilon": Pair(
            lambda x: x / jnp.sqrt(jnp.mean(x * x, 1, keepdims=True) + 1e-5),
            lambda x: x / torch.sqrt((x * x).mean(1, keepdim=True) + 1e-6),
            (n(4, 6),),
            ("eps",),
        ),
        "factor inside": Pair(
            lambda x: jnp.tanh(x * 0.7), lambda x: torch.tanh(x * 0.5), (n(6, 4),), ("constant factor",)
        ),
    }
    held_out = {
        "one-dimensional kernel flipped": Pair(
            lambda x, w: jax.lax.conv_general_dilated(x, w[..., ::-1], (2,), "VALID"),
            lambda x, w: F.conv1d(x, w, stride=2),
            (n(2, 3, 9), n(4, 3, 4, seed=1)),
            ("reversed index",),
        ),
        "convolve against correlate": Pair(
            lambda x, w: jax.vmap(lambda row: jnp.convolve(row, w, mode="valid"))(x),
            lambda x, w: F.conv1d(x[:, None], w[None, None])[:, 0],
            (n(3, 9), n(4, seed=1)),
            ("reversed index",),
        ),
        "RMSprop L2 against decoupled": Pair(
            lambda p, g, v: p - 0.1 * (g / (jnp.sqrt(0.9 * v + 0.1 * g * g) + 1e-6)) - 0.1 * 0.3 * p,
            lambda p, g, v: p - 0.1 * ((g + 0.3 * p) / (torch.sqrt(0.9 * v + 0.1 * (g + 0.3 * p) ** 2) + 1e-6)),
            (n(6), n(6, seed=1), np.abs(n(6, seed=2))),
            ("coupled weight decay",),
        ),
        "running mean from zero": Pair(
            lambda xs: ema(xs, True, False), lambda xs: ema(xs, False, True), (n(4, 3),), ("initial", "bias correction")
        ),
        "gate inside or outside": Pair(
            lambda h, u, b, r: jnp.tanh(jax.nn.sigmoid(r) * (h @ u + b)),
            lambda h, u, b, r: torch.tanh((torch.sigmoid(r) * h) @ u + b),
            (n(3, 5), n(5, 5, seed=1), n(5, seed=2), n(3, 5, seed=3)),
            ("update order",),
        ),
        "last third of a bias": Pair(
            lambda x, w, b: jnp.tanh(x @ w + b),
            lambda x, w, b: torch.tanh(x @ w + torch.cat([b[:4], torch.zeros_like(b[4:])])),
            (n(5, 4), n(4, 6), n(6, seed=1)),
            ("bias",),
        ),
        "median of all": Pair(lambda x: jnp.median(x) * x, lambda x: x.median() * x, (n(4, 6),), ("median",)),
        "mean of values in a masked row": Pair(
            lambda s, v, m: jax.nn.softmax(jnp.where(m, s, -1e9), -1) @ v,
            lambda s, v, m: torch.nan_to_num(torch.softmax(s.masked_fill(~m, float("-inf")), -1)) @ v,
            (n(4, 3), n(3, 5, seed=1), mask),
            ("fully masked",),
        ),
        "padding row 1": Pair(
            lambda w, i, c: jnp.tanh(w[i] @ c),
            lambda w, i, c: torch.tanh(F.embedding(i.long(), w, padding_idx=1) @ c),
            (n(6, 3), ids, n(3, 3, seed=1)),
            ("padding_idx",),
        ),
        "antialias bicubic": Pair(
            lambda x: resize(x, (1, 2, 4, 4), "cubic", True),
            lambda x: F.interpolate(x, (4, 4), mode="bicubic"),
            (n(1, 2, 9, 9),),
            ("antialias",),
        ),
        "Huber 0.25": Pair(
            lambda p, t: huber(p, t, 0.25),
            lambda p, t: F.smooth_l1_loss(p, t, beta=0.25),
            (n(8, 2), n(8, 2, seed=1)),
            ("constant factor",),
        ),
        "mean over padding": Pair(
            lambda x, m: (x * x * m).mean(),
            lambda x, m: (x * x * m).sum() / m.sum(),
            (n(4, 3), mask.astype(np.float32)),
            ("counted", "mean against sum"),
        ),
        "sign before a sum": Pair(
            lambda x, y: (x * y).sum(1) - jnp.sin(y).sum(1),
            lambda x, y: (x * y).sum(1) + torch.sin(y).sum(1),
            (n(4, 4), n(4, 4, seed=1)),
            ("sign",),
        ),
        "slope": Pair(
            lambda x: jnp.where(x > 0, x, 0.2 * x),
            lambda x: F.leaky_relu(x, 0.01),
            (n(5, 4),),
            ("constant factor", "slope"),
        ),
        "temperature": Pair(
            lambda x: jax.nn.softmax(x / 0.7), lambda x: torch.softmax(x / 0.5, -1), (n(5, 7),), ("constant factor",)
        ),
        "unbiased variance": Pair(lambda x: x.var(1), lambda x: x.var(1), (n(5, 6),), ("biased",)),
    }
    return tuning, held_out
