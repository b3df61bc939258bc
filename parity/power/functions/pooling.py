"""Max pooling 2×2 (the first of equals takes the gradient), average pooling 3×3 that does not count padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    # Multiples of a quarter: windows with equal entries occur, and are equal in every dtype.
    x = np.random.default_rng(seed).standard_normal((2, 3, 8, 10), dtype=np.float32)
    return {"x": np.round(x * 4) / np.float32(4)}


def jax_function(
    *, split_ties: bool = False, shift: int = 0, count_padding: bool = False, total: bool = False, detach: bool = False
) -> Any:
    import jax
    import jax.numpy as jnp

    def pooling(x: Any) -> Any:
        y = jnp.roll(x, shift, axis=-1)
        if split_ties:
            batch, channels, height, width = x.shape
            largest = y.reshape(batch, channels, height // 2, 2, width // 2, 2).max((3, 5))
        else:
            largest = jax.lax.reduce_window(y, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        pads = ((0, 0), (0, 0), (1, 1), (1, 1))
        sums = jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, 1, 3, 3), (1, 1, 1, 1), pads)
        if detach:
            sums = jax.lax.stop_gradient(sums)
        counts = (
            9
            if count_padding
            else jax.lax.reduce_window(jnp.ones_like(x), 0.0, jax.lax.add, (1, 1, 3, 3), (1, 1, 1, 1), pads)
        )
        return {"max": largest, "average": sums if total else sums / counts}

    return pooling


def torch_function(
    *, split_ties: bool = False, shift: int = 0, count_padding: bool = False, total: bool = False, detach: bool = False
) -> Any:
    from torch.nn import functional

    def pooling(x: Any) -> Any:
        y = x.roll(shift, dims=-1)
        windows = y.unfold(2, 2, 2).unfold(3, 2, 2)
        largest = windows.amax(dim=(-2, -1)) if split_ties else functional.max_pool2d(y, 2)
        y = x.detach() if detach else x
        average = functional.avg_pool2d(
            y, 3, stride=1, padding=1, count_include_pad=count_padding, divisor_override=1 if total else None
        )
        return {"max": largest, "average": average}

    return pooling


def jax_patches() -> Any:
    import jax.numpy as jnp

    def pooling(x: Any) -> Any:
        patches = jnp.stack([x[..., i::2, j::2] for i in range(2) for j in range(2)], axis=-1)
        largest = jnp.take_along_axis(patches, patches.argmax(-1, keepdims=True), axis=-1)[..., 0]
        height, width = x.shape[-2:]

        def neighbours(y: Any) -> Any:
            padded = jnp.pad(y, ((0, 0), (0, 0), (1, 1), (1, 1)))
            return sum(padded[..., i : i + height, j : j + width] for i in range(3) for j in range(3))

        return {"average": neighbours(x) / neighbours(jnp.ones_like(x)), "max": largest}

    return pooling


def torch_patches() -> Any:
    import torch
    from torch.nn.functional import conv2d, pad

    def pooling(x: Any) -> Any:
        patches = x.unfold(2, 2, 2).unfold(3, 2, 2).flatten(-2)
        ones = torch.ones_like(x[:1, :1])
        kernel = torch.ones(1, 1, 3, 3, dtype=x.dtype, device=x.device)
        padded = pad(x, (1, 1, 1, 1)).flatten(0, 1)[:, None]
        average = conv2d(padded, kernel).unflatten(0, x.shape[:2]).squeeze(2) / conv2d(ones, kernel, padding=1)[0]
        return {"max": patches.max(dim=-1).values, "average": average}

    return pooling


FAULTS = (
    *plant("tie rule", kind="gradient", split_ties=True),
    *plant("shifted index", "jax", shift=1),
    *plant("padding side", "torch", count_padding=True),
    *plant("mean against sum", total=True),
    *plant("stopped gradient", "jax", kind="gradient", detach=True),
)
PORTS = (Port("jax", jax_patches), Port("torch", torch_patches))
