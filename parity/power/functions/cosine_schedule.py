"""Learning rates: linear warm-up to 0.3 over 10 steps, cosine down to 0.01 at step 50, constant after."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    # Quarters are exact in bfloat16, and no step lies on a boundary of the schedule.
    return {"steps": np.random.default_rng(seed).permutation(61).astype(np.float32) + np.float32(0.25)}


def jax_function(
    *,
    shift: float = 0.0,
    span_shift: float = 0.0,
    half: float = 0.5,
    last: float = 0.01,
    sign: float = 1.0,
    clamp: bool = True,
    table_dtype: str | None = None,
    flat_gradient: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def cosine_schedule(steps: Any) -> Any:
        y = steps.astype(table_dtype or steps.dtype)
        warmup = 0.3 * (y + shift) / 10
        progress = (y - 10) / (40 + span_shift)
        if clamp:
            progress = jnp.clip(progress, 0, 1)
        cosine = last + (0.3 - last) * half * (1 + sign * jnp.cos(jnp.pi * progress))
        if flat_gradient:
            cosine = jax.lax.stop_gradient(cosine)
        return jnp.where(y < 10, warmup, cosine).astype(steps.dtype)

    return cosine_schedule


def torch_function(
    *,
    shift: float = 0.0,
    span_shift: float = 0.0,
    half: float = 0.5,
    last: float = 0.01,
    sign: float = 1.0,
    clamp: bool = True,
    table_dtype: str | None = None,
    flat_gradient: bool = False,
) -> Any:
    import torch

    def cosine_schedule(steps: Any) -> Any:
        y = steps.to(getattr(torch, table_dtype)) if table_dtype else steps
        progress = (y - 10).div(40 + span_shift)
        if clamp:
            progress = progress.clamp(0.0, 1.0)
        cosine = (progress * torch.pi).cos().mul(sign).add(1).mul(half * (0.3 - last)).add(last)
        if flat_gradient:
            cosine = cosine.detach()
        return torch.where(y < 10, (y + shift) * 0.03, cosine).to(steps.dtype)

    return cosine_schedule


def jax_one_step_at_a_time() -> Any:
    import jax
    import jax.numpy as jnp

    def rate(step: Any) -> Any:
        progress = jnp.minimum(jnp.maximum(step - 10, 0) / 40, 1)
        decayed = 0.01 + 0.29 * jnp.cos(jnp.pi / 2 * progress) ** 2
        return jax.lax.select(step < 10, step * 0.03, decayed)

    def cosine_schedule(steps: Any) -> Any:
        return jax.vmap(rate)(steps)

    return cosine_schedule


def torch_masks() -> Any:
    import math

    import torch

    def cosine_schedule(steps: Any) -> Any:
        rising, done = steps < 10, steps > 50
        decayed = 0.155 + 0.145 * torch.cos((steps - 10) * (math.pi / 40))
        return torch.where(rising, 0.3 * steps / 10, decayed.masked_fill(done, 0.01))

    return cosine_schedule


FAULTS = (
    *plant("shifted index", shift=1.0),
    *plant("shifted index", "torch", span_shift=-1.0),
    *plant("constant factor", half=0.51),
    *plant("missing term", "jax", last=0.0),
    *plant("sign", "torch", sign=-1.0),
    *plant("clamp bound", "jax", clamp=False),
    *plant("low-precision table", table_dtype="float32"),
    *plant("low-precision table", "torch", table_dtype="bfloat16"),
    *plant("stopped gradient", "torch", kind="gradient", flat_gradient=True),
)
PORTS = (Port("jax", jax_one_step_at_a_time), Port("torch", torch_masks))
