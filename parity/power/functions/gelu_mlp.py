"""Two square layers with the exact GELU between them: gelu(x W + b) V + c."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Any:
        return rng.standard_normal(shape, dtype=np.float32)

    params = {"w_in": normal(11, 11) / 3, "b_in": normal(11), "w_out": normal(11, 11) / 3, "b_out": normal(11)}
    return {"params": params, "x": normal(7, 11)}


def jax_function(
    *,
    activation: str = "exact",
    transpose: str = "",
    in_bias: float = 1.0,
    out_bias: float = 1.0,
    tanh_gradient: bool = False,
    float32_activation: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    @jax.custom_vjp
    def exact_with_tanh_gradient(x: Any) -> Any:
        return jax.nn.gelu(x, approximate=False)

    def forward(x: Any) -> Any:
        return jax.nn.gelu(x, approximate=False), x

    def backward(x: Any, cotangent: Any) -> Any:
        return jax.vjp(jax.nn.gelu, x)[1](cotangent)

    exact_with_tanh_gradient.defvjp(forward, backward)

    def activate(x: Any) -> Any:
        if tanh_gradient:
            return exact_with_tanh_gradient(x)
        if activation == "quick":
            return x * jax.nn.sigmoid(1.702 * x)
        if activation == "silu":
            return jax.nn.silu(x)
        if activation == "relu":
            return jax.nn.relu(x)
        return jax.nn.gelu(x, approximate=activation == "tanh")

    def gelu_mlp(params: Any, x: Any) -> Any:
        params = {name: value.T if name == transpose else value for name, value in params.items()}
        hidden = x @ params["w_in"] + in_bias * params["b_in"]
        hidden = activate(hidden.astype(jnp.float32)).astype(x.dtype) if float32_activation else activate(hidden)
        return hidden @ params["w_out"] + out_bias * params["b_out"]

    return gelu_mlp


def torch_function(
    *,
    activation: str = "exact",
    transpose: str = "",
    in_bias: float = 1.0,
    out_bias: float = 1.0,
    tanh_gradient: bool = False,
    float32_activation: bool = False,
) -> Any:
    import torch
    from torch.nn.functional import gelu, relu, silu

    def activate(x: Any) -> Any:
        if tanh_gradient:
            smooth = gelu(x, approximate="tanh")
            return smooth + (gelu(x) - smooth).detach()
        if activation == "quick":
            return x * torch.sigmoid(1.702 * x)
        if activation == "silu":
            return silu(x)
        if activation == "relu":
            return relu(x)
        return gelu(x, approximate="tanh") if activation == "tanh" else gelu(x)

    def gelu_mlp(params: Any, x: Any) -> Any:
        w_in = params["w_in"].t() if transpose == "w_in" else params["w_in"]
        w_out = params["w_out"].t() if transpose == "w_out" else params["w_out"]
        hidden = torch.addmm(params["b_in"], x, w_in, beta=in_bias)
        hidden = activate(hidden.float()).to(x.dtype) if float32_activation else activate(hidden)
        return torch.addmm(params["b_out"], hidden, w_out, beta=out_bias)

    return gelu_mlp


def jax_erf_row_by_row() -> Any:
    import jax

    def gelu_mlp(params: Any, x: Any) -> Any:
        def row(y: Any) -> Any:
            hidden = params["b_in"] + y @ params["w_in"]
            return (0.5 * hidden * (1 + jax.lax.erf(hidden / math.sqrt(2)))) @ params["w_out"] + params["b_out"]

        return jax.vmap(row)(x)

    return gelu_mlp


def torch_linear() -> Any:
    import torch
    from torch.nn.functional import linear

    def gelu_mlp(params: Any, x: Any) -> Any:
        hidden = linear(x, params["w_in"].t(), params["b_in"])
        hidden = hidden * torch.special.ndtr(hidden)
        return linear(hidden, params["w_out"].t()) + params["b_out"]

    return gelu_mlp


FAULTS = (
    *plant("gelu form", activation="tanh"),
    *plant("gelu form", "torch", activation="quick"),
    *plant("another activation", "jax", activation="silu"),
    *plant("another activation", "torch", activation="relu"),
    *plant("transposed axes", transpose="w_in"),
    *plant("transposed axes", "jax", transpose="w_out"),
    *plant("missing bias", in_bias=0.0),
    *plant("doubled bias", "jax", out_bias=2.0),
    *plant("doubled bias", "torch", in_bias=2.0),
    *plant("wrong gradient rule", kind="gradient", tanh_gradient=True),
    *plant("low-precision step", "jax", float32_activation=True),
)
PORTS = (Port("jax", jax_erf_row_by_row), Port("torch", torch_linear))
