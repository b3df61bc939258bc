"""Two-dimensional cross-correlation, stride 2, symmetric padding 1, even input: where XLA's SAME pads one side only."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Any:
        return rng.standard_normal(shape, dtype=np.float32)

    return {"x": normal(2, 3, 8, 10), "weight": normal(5, 3, 3, 3) / 4, "bias": normal(5)}


def jax_function(
    *,
    same: bool = False,
    flip: bool = False,
    transpose: bool = False,
    bias_factor: float = 1.0,
    input_order: str = "OIHW",
) -> Any:
    import jax

    def conv2d(x: Any, weight: Any, bias: Any) -> Any:
        weight = weight[:, :, ::-1, ::-1] if flip else weight
        weight = weight.swapaxes(2, 3) if transpose else weight
        weight = weight[:, ::-1] if input_order == "OrIHW" else weight
        padding = "SAME" if same else [(1, 1), (1, 1)]
        out = jax.lax.conv_general_dilated(x, weight, (2, 2), padding, dimension_numbers=("NCHW", "OIHW", "NCHW"))
        return out + bias_factor * bias[:, None, None]

    return conv2d


def torch_function(
    *,
    same: bool = False,
    flip: bool = False,
    transpose: bool = False,
    bias_factor: float = 1.0,
    input_order: str = "OIHW",
) -> Any:
    from torch.nn import functional

    def conv2d(x: Any, weight: Any, bias: Any) -> Any:
        weight = weight.flip(2, 3) if flip else weight
        weight = weight.mT if transpose else weight
        weight = weight.flip(1) if input_order == "OrIHW" else weight
        if same:
            return functional.conv2d(functional.pad(x, (0, 1, 0, 1)), weight, bias_factor * bias, stride=2)
        return functional.conv2d(x, weight, bias_factor * bias, stride=2, padding=1)

    return conv2d


def jax_channels_last() -> Any:
    import jax
    import jax.numpy as jnp

    def conv2d(x: Any, weight: Any, bias: Any) -> Any:
        pixels, kernel = jnp.moveaxis(x, 1, -1), weight.transpose(2, 3, 1, 0)
        numbers = ("NHWC", "HWIO", "NHWC")
        out = jax.lax.conv_general_dilated(pixels, kernel, (2, 2), ((1, 1), (1, 1)), dimension_numbers=numbers)
        return jnp.moveaxis(out + bias, -1, 1)

    return conv2d


def torch_unfold() -> Any:
    from torch.nn.functional import unfold

    def conv2d(x: Any, weight: Any, bias: Any) -> Any:
        columns = unfold(x, kernel_size=3, padding=1, stride=2)
        out = weight.flatten(1) @ columns + bias[:, None]
        return out.unflatten(-1, (x.shape[2] // 2, x.shape[3] // 2))

    return conv2d


FAULTS = (
    *plant("padding side", same=True),
    *plant("reversed index", "torch", flip=True),
    *plant("reversed index", "jax", input_order="OrIHW"),
    *plant("transposed axes", transpose=True),
    *plant("missing bias", "jax", bias_factor=0.0),
    *plant("doubled bias", "torch", bias_factor=2.0),
)
PORTS = (Port("jax", jax_channels_last), Port("torch", torch_unfold))
