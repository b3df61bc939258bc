"""Distillation loss: T² · KL(softmax(teacher/T) ‖ softmax(student/T)) averaged over the batch, temperature T = 2."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal((7, 13), dtype=np.float32) * 2 for name in ("student", "teacher")}


def jax_function(
    *,
    factor: float = 4.0,
    entropy: bool = True,
    softmax_axis: int = -1,
    elements: bool = False,
    total: bool = False,
    sign: float = 1.0,
    detach_teacher: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def kl_divergence(student: Any, teacher: Any) -> Any:
        if detach_teacher:
            teacher = jax.lax.stop_gradient(teacher)
        log_q = jax.nn.log_softmax(student / 2, axis=softmax_axis)
        log_p = jax.nn.log_softmax(teacher / 2, axis=softmax_axis)
        divergence = jnp.exp(log_p) * ((log_p if entropy else 0) - log_q)
        if total:
            return sign * factor * divergence.sum()
        return sign * factor * (divergence.mean() if elements else divergence.sum(-1).mean())

    return kl_divergence


def torch_function(
    *,
    factor: float = 4.0,
    entropy: bool = True,
    softmax_axis: int = -1,
    elements: bool = False,
    total: bool = False,
    sign: float = 1.0,
    detach_teacher: bool = False,
) -> Any:
    import torch

    def kl_divergence(student: Any, teacher: Any) -> Any:
        if detach_teacher:
            teacher = teacher.detach()
        p = torch.softmax(teacher / 2, dim=softmax_axis)
        divergence = -p * torch.log_softmax(student / 2, dim=softmax_axis)
        if entropy:
            divergence = divergence + torch.special.xlogy(p, p)
        divergence = sign * divergence.sum()
        if not total:
            divergence = divergence / (student.numel() if elements else student.shape[0])
        return divergence * factor

    return kl_divergence


def jax_logsumexp() -> Any:
    import jax
    import jax.numpy as jnp

    def kl_divergence(student: Any, teacher: Any) -> Any:
        student, teacher = student / 2, teacher / 2
        normaliser = jax.nn.logsumexp(student, axis=1) - jax.nn.logsumexp(teacher, axis=1)
        divergence = jnp.einsum("bv,bv->b", jax.nn.softmax(teacher), teacher - student) + normaliser
        return 4 * divergence.mean()

    return kl_divergence


def torch_functional() -> Any:
    from torch.nn.functional import kl_div, log_softmax

    def kl_divergence(student: Any, teacher: Any) -> Any:
        log_q, log_p = log_softmax(student / 2, -1), log_softmax(teacher / 2, -1)
        return 2**2 * kl_div(log_q, log_p, reduction="batchmean", log_target=True)

    return kl_divergence


FAULTS = (
    *plant("constant factor", factor=1.0),
    *plant("missing term", entropy=False),
    *plant("softmax axis", "jax", softmax_axis=0),
    *plant("scale by another dimension", "torch", elements=True),
    *plant("mean against sum", "jax", total=True),
    *plant("sign", "torch", sign=-1.0),
    *plant("stopped gradient", kind="gradient", detach_teacher=True),
)
PORTS = (Port("jax", jax_logsumexp), Port("torch", torch_functional))
WEAK = {
    "torch_function": {"wide": "the gradient of p log p in p is NaN where p underflows to zero"},
}
