"""Moving average of parameters with decay min(0.99, (1 + step)/(10 + step)), and its debiased value."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant

STATE = ("average",)


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def tree() -> dict[str, Any]:
        return {"w": rng.standard_normal((7, 11), dtype=np.float32), "b": rng.standard_normal(5, dtype=np.float32)}

    return {"params": tree(), "average": tree(), "step": 5}


def jax_function(
    *,
    swap: bool = False,
    shift: int = 0,
    debias: bool = True,
    old_average: bool = False,
    warm: bool = True,
    keep: bool = False,
    float32: bool = False,
    detach: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def ema(params: Any, average: Any, step: int) -> Any:
        count = step + shift
        decay = min(0.99, (1 + count) / (10 + count)) if warm else 0.99
        old, new = (1 - decay, decay) if swap else (decay, 1 - decay)
        blended = jax.tree.map(lambda a, p: old * a + new * p, average, params)
        if float32:
            blended = jax.tree.map(lambda a: a.astype(jnp.float32).astype(a.dtype), blended)
        shown = jax.lax.stop_gradient(average) if detach else average
        if not old_average:
            shown = jax.tree.map(lambda a, p: old * a + new * p, shown, params)
        correction = 1 - 0.99 ** (count + 1) if debias else 1.0
        return {"average": average if keep else blended, "value": jax.tree.map(lambda a: a / correction, shown)}

    return ema


def torch_function(
    *,
    swap: bool = False,
    shift: int = 0,
    debias: bool = True,
    old_average: bool = False,
    warm: bool = True,
    keep: bool = False,
    float32: bool = False,
    detach: bool = False,
) -> Any:
    def ema(params: Any, average: Any, step: int) -> Any:
        count = step + shift
        decay = min(0.99, (1 + count) / (10 + count)) if warm else 0.99
        out: dict[str, dict[str, Any]] = {"average": {}, "value": {}}
        for name, p in params.items():
            a = average[name]
            blended = a.lerp(p, decay if swap else 1 - decay)
            shown = a.detach().lerp(p, decay if swap else 1 - decay) if detach else blended
            if old_average:
                shown = a
            if float32:
                blended = blended.float().to(a.dtype)
            out["average"][name] = a if keep else blended
            out["value"][name] = shown / (1 - 0.99 ** (count + 1) if debias else 1.0)
        return out

    return ema


def jax_increment() -> Any:
    import jax

    def ema(params: Any, average: Any, step: int) -> Any:
        rate = 1 - min(0.99, (1 + step) / (10 + step))
        average = jax.tree.map(lambda a, p: a + rate * (p - a), average, params)
        scale = 1 / (1 - 0.99 ** (step + 1))
        return {"value": jax.tree.map(lambda a: scale * a, average), "average": average}

    return ema


def torch_foreach() -> Any:
    import torch

    def ema(params: Any, average: Any, step: int) -> Any:
        decay = min(0.99, (1 + step) / (10 + step))
        names = list(params)
        kept = torch._foreach_mul([average[name] for name in names], decay)
        new = torch._foreach_add(kept, [params[name] for name in names], alpha=1 - decay)
        value = torch._foreach_div(new, 1 - 0.99 ** (step + 1))
        return {"average": dict(zip(names, new, strict=True)), "value": dict(zip(names, value, strict=True))}

    return ema


FAULTS = (
    *plant("momentum convention", swap=True),
    *plant("shifted index", "jax", shift=1),
    *plant("bias correction", debias=False),
    *plant("update order", "torch", old_average=True),
    *plant("missing term", "torch", warm=False),
    *plant("missing term", "jax", kind="state", keep=True),
    *plant("low-precision step", kind="state", float32=True),
    *plant("stopped gradient", "jax", kind="gradient", detach=True),
)
PORTS = (Port("jax", jax_increment), Port("torch", torch_foreach))
