"""Mean cross-entropy of integer labels with label smoothing 0.1 spread over all V classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {"logits": rng.standard_normal((11, 17), dtype=np.float32) * 2, "labels": rng.integers(0, 17, 11)}


def jax_function(
    *,
    smoothing: float = 0.1,
    total: bool = False,
    others_only: bool = False,
    divide_axis: int = 0,
    softmax_axis: int = -1,
    shift: int = 0,
    detach_normaliser: bool = False,
    float32_softmax: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def cross_entropy(logits: Any, labels: Any) -> Any:
        dtype, (_, classes) = logits.dtype, logits.shape
        if float32_softmax:
            logits = logits.astype(jnp.float32)
        normaliser = jax.nn.logsumexp(logits, axis=softmax_axis, keepdims=True)
        if detach_normaliser:
            normaliser = jax.lax.stop_gradient(normaliser)
        target = jax.nn.one_hot(jnp.roll(labels, shift), classes, dtype=logits.dtype)
        if others_only:
            target = jnp.where(target > 0, 1 - smoothing, smoothing / (classes - 1))
        else:
            target = (1 - smoothing) * target + smoothing / classes
        loss = -jnp.sum(target * (logits - normaliser)).astype(dtype)
        return loss if total else loss / logits.shape[divide_axis]

    return cross_entropy


def torch_function(
    *,
    smoothing: float = 0.1,
    total: bool = False,
    others_only: bool = False,
    divide_axis: int = 0,
    softmax_axis: int = -1,
    shift: int = 0,
    detach_normaliser: bool = False,
    float32_softmax: bool = False,
) -> Any:

    def cross_entropy(logits: Any, labels: Any) -> Any:
        scores = logits.float() if float32_softmax else logits
        log_p = scores.log_softmax(dim=softmax_axis)
        if detach_normaliser:
            log_p = scores + (log_p - scores).detach()
        picked = log_p.gather(1, labels.roll(shift)[:, None]).squeeze(1)
        if others_only:
            others = (log_p.sum(dim=1) - picked) / (logits.shape[1] - 1)
            loss = -(1 - smoothing) * picked - smoothing * others
        else:
            loss = -(1 - smoothing) * picked - smoothing * log_p.mean(dim=1)
        return (loss.sum() if total else loss.sum() / logits.shape[divide_axis]).to(logits.dtype)

    return cross_entropy


def jax_log_softmax_gather() -> Any:
    import jax
    import jax.numpy as jnp

    def cross_entropy(logits: Any, labels: Any) -> Any:
        def example(scores: Any, label: Any) -> Any:
            log_p = jax.nn.log_softmax(scores)
            return -0.9 * log_p[label] - 0.1 * jnp.mean(log_p)

        return jnp.mean(jax.vmap(example)(logits, labels))

    return cross_entropy


def torch_functional() -> Any:
    from torch.nn.functional import cross_entropy as functional_cross_entropy

    def cross_entropy(logits: Any, labels: Any) -> Any:
        return functional_cross_entropy(logits, labels, label_smoothing=0.1)

    return cross_entropy


FAULTS = (
    *plant("mean against sum", total=True),
    *plant("missing term", "torch", smoothing=0.0),
    *plant("constant factor", "jax", smoothing=0.11),
    *plant("scale by another dimension", others_only=True),
    *plant("scale by another dimension", "jax", divide_axis=1),
    *plant("softmax axis", softmax_axis=0),
    *plant("shifted index", "torch", shift=1),
    *plant("stopped gradient", kind="gradient", detach_normaliser=True),
    *plant("low-precision step", float32_softmax=True),
)
PORTS = (Port("jax", jax_log_softmax_gather), Port("torch", torch_functional))
