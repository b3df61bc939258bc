"""Causal one-dimensional cross-correlation with bias: K - 1 zeros on the left; channels second, weight [out, in, K]."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Any:
        return rng.standard_normal(shape, dtype=np.float32)

    return {"x": normal(3, 5, 11), "weight": normal(5, 5, 3) / 3, "bias": normal(5)}


def jax_function(
    *,
    left: int = 2,
    flip: bool = False,
    transpose: bool = False,
    bias_factor: float = 1.0,
    detach_x: bool = False,
    float32: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def conv1d(x: Any, weight: Any, bias: Any) -> Any:
        if detach_x:
            x = jax.lax.stop_gradient(x)
        weight = weight[..., ::-1] if flip else weight
        weight = weight.swapaxes(0, 1) if transpose else weight
        dtype = jnp.float32 if float32 else x.dtype
        out = jax.lax.conv_general_dilated(x.astype(dtype), weight.astype(dtype), (1,), [(left, 2 - left)])
        return out.astype(x.dtype) + bias_factor * bias[:, None]

    return conv1d


def torch_function(
    *,
    left: int = 2,
    flip: bool = False,
    transpose: bool = False,
    bias_factor: float = 1.0,
    detach_x: bool = False,
    float32: bool = False,
) -> Any:
    from torch.nn import functional

    def conv1d(x: Any, weight: Any, bias: Any) -> Any:
        if detach_x:
            x = x.detach()
        weight = weight.flip(-1) if flip else weight
        weight = weight.transpose(0, 1) if transpose else weight
        padded = functional.pad(x, (left, 2 - left))
        if float32:
            return functional.conv1d(padded.float(), weight.float()).to(x.dtype) + bias_factor * bias[:, None]
        return functional.conv1d(padded, weight, bias_factor * bias)

    return conv1d


def jax_shifted_sum() -> Any:
    import jax.numpy as jnp

    def conv1d(x: Any, weight: Any, bias: Any) -> Any:
        length, taps = x.shape[-1], weight.shape[-1]
        padded = jnp.pad(x, ((0, 0), (0, 0), (taps - 1, 0)))
        windows = jnp.stack([padded[..., k : k + length] for k in range(taps)])
        return jnp.einsum("kbil,oik->bol", windows, weight) + bias[:, None]

    return conv1d


def torch_unfold() -> Any:
    import torch
    from torch.nn.functional import pad

    def conv1d(x: Any, weight: Any, bias: Any) -> Any:
        windows = pad(x, (weight.shape[-1] - 1, 0)).unfold(-1, weight.shape[-1], 1)
        return torch.einsum("bilk,oik->bol", windows, weight) + bias.unsqueeze(-1)

    return conv1d


FAULTS = (
    *plant("padding side", left=0),
    *plant("padding side", "torch", left=1),
    *plant("reversed index", flip=True),
    *plant("transposed axes", "jax", transpose=True),
    *plant("missing bias", "torch", bias_factor=0.0),
    *plant("doubled bias", "jax", bias_factor=2.0),
    *plant("stopped gradient", "torch", kind="gradient", detach_x=True),
    *plant("low-precision step", "jax", float32=True),
)
PORTS = (Port("jax", jax_shifted_sum), Port("torch", torch_unfold))
