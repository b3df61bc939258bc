"""Gated MLP: (silu(x G) * x U) W + b."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Any:
        return rng.standard_normal(shape, dtype=np.float32)

    params = {name: normal(13, 13) / np.float32(3.5) for name in ("gate", "up", "down")}
    return {"params": params | {"bias": normal(13)}, "x": normal(5, 13)}


def jax_function(
    *,
    swap: bool = False,
    activation: str = "silu",
    transpose: bool = False,
    detach_gate: bool = False,
    rule: str = "",
    bias: float = 1.0,
) -> Any:
    import jax

    def activate(x: Any) -> Any:
        if activation == "gelu":
            return jax.nn.gelu(x, approximate=False)
        if activation == "sigmoid":
            return jax.nn.sigmoid(x)
        if rule == "sigmoid":
            return x * jax.lax.stop_gradient(jax.nn.sigmoid(x))
        return jax.nn.silu(x)

    def swiglu_mlp(params: Any, x: Any) -> Any:
        gate, up = x @ params["gate"], x @ params["up"]
        if swap:
            gate, up = up, gate
        hidden = activate(gate)
        if detach_gate:
            hidden = jax.lax.stop_gradient(hidden)
        return (hidden * up) @ (params["down"].T if transpose else params["down"]) + bias * params["bias"]

    return swiglu_mlp


def torch_function(
    *,
    swap: bool = False,
    activation: str = "silu",
    transpose: bool = False,
    detach_gate: bool = False,
    rule: str = "",
    bias: float = 1.0,
) -> Any:
    import torch
    from torch.nn.functional import gelu, silu

    def activate(x: Any) -> Any:
        if activation == "gelu":
            return gelu(x)
        if activation == "sigmoid":
            return x.sigmoid()
        if rule == "sigmoid":
            return x * x.sigmoid().detach()
        return silu(x)

    def swiglu_mlp(params: Any, x: Any) -> Any:
        gate, up = torch.mm(x, params["gate"]), torch.mm(x, params["up"])
        if swap:
            gate, up = up, gate
        gate = activate(gate)
        if detach_gate:
            gate = gate.detach()
        down = params["down"].t() if transpose else params["down"]
        return torch.addmm(params["bias"], gate * up, down, beta=bias)

    return swiglu_mlp


def jax_fused_projection() -> Any:
    import jax
    import jax.numpy as jnp

    def swiglu_mlp(params: Any, x: Any) -> Any:
        up, gate = jnp.split(x @ jnp.concatenate([params["up"], params["gate"]], axis=1), 2, axis=1)
        return jnp.einsum("tm,md->td", up * gate * jax.nn.sigmoid(gate), params["down"]) + params["bias"]

    return swiglu_mlp


def torch_fused_projection() -> Any:
    import torch
    from torch.nn.functional import linear

    def swiglu_mlp(params: Any, x: Any) -> Any:
        gate, up = linear(x, torch.cat((params["gate"].t(), params["up"].t()))).chunk(2, dim=-1)
        return linear(gate / (1 + torch.exp(-gate)) * up, params["down"].t(), params["bias"])

    return swiglu_mlp


FAULTS = (
    *plant("gate order", swap=True),
    *plant("another activation", activation="gelu"),
    *plant("another activation", "torch", activation="sigmoid"),
    *plant("transposed axes", transpose=True),
    *plant("stopped gradient", "jax", kind="gradient", detach_gate=True),
    *plant("wrong gradient rule", kind="gradient", rule="sigmoid"),
    *plant("missing bias", "torch", bias=0.0),
)
PORTS = (Port("jax", jax_fused_projection), Port("torch", torch_fused_projection))
WEAK = {
    "torch_fused_projection": {"wide": "exp(-gate) overflows: the gradient is infinity times zero"},
}
