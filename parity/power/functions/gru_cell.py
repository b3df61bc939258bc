"""One GRU step, the reset gate on hidden product and bias, as torch.nn.GRUCell; gates: reset, update, new."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Any:
        return rng.standard_normal(shape, dtype=np.float32)

    params = {
        "w_input": normal(21, 5) / 2,
        "w_hidden": normal(21, 7) / 3,
        "b_input": normal(21),
        "b_hidden": normal(21),
    }
    return {"params": params, "x": normal(3, 5), "hidden": normal(3, 7)}


def jax_function(
    *,
    order: str = "rzn",
    new_bias: float = 1.0,
    reset_first: bool = False,
    swap_update: bool = False,
    sigmoid_new: bool = False,
    detach_reset: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def gru_cell(params: Any, x: Any, hidden: Any) -> Any:
        size = hidden.shape[-1]
        place = {gate: slice(i * size, (i + 1) * size) for i, gate in enumerate(order)}

        def parts(gate: str) -> tuple[Any, Any]:
            rows = place[gate]
            return x @ params["w_input"][rows].T + params["b_input"][rows], hidden @ params["w_hidden"][rows].T

        def opened(gate: str) -> Any:
            return jax.nn.sigmoid(sum(parts(gate)) + params["b_hidden"][place[gate]])

        reset, update = opened("r"), opened("z")
        if detach_reset:
            reset = jax.lax.stop_gradient(reset)
        from_input, from_hidden = parts("n")
        bias = new_bias * params["b_hidden"][place["n"]]
        if reset_first:
            new = from_input + (reset * hidden) @ params["w_hidden"][place["n"]].T + bias
        else:
            new = from_input + reset * (from_hidden + bias)
        new = jax.nn.sigmoid(new) if sigmoid_new else jnp.tanh(new)
        return update * new + (1 - update) * hidden if swap_update else (1 - update) * new + update * hidden

    return gru_cell


def torch_function(
    *,
    order: str = "rzn",
    new_bias: float = 1.0,
    reset_first: bool = False,
    swap_update: bool = False,
    sigmoid_new: bool = False,
    detach_reset: bool = False,
) -> Any:
    import torch
    from torch.nn.functional import linear

    def gru_cell(params: Any, x: Any, hidden: Any) -> Any:
        from_input = dict(zip(order, linear(x, params["w_input"], params["b_input"]).chunk(3, 1), strict=True))
        from_hidden = dict(zip(order, linear(hidden, params["w_hidden"]).chunk(3, 1), strict=True))
        bias = dict(zip(order, params["b_hidden"].chunk(3), strict=True))
        reset = torch.sigmoid(from_input["r"] + from_hidden["r"] + bias["r"])
        update = torch.sigmoid(from_input["z"] + from_hidden["z"] + bias["z"])
        if detach_reset:
            reset = reset.detach()
        if reset_first:
            weight = dict(zip(order, params["w_hidden"].chunk(3), strict=True))
            inner = linear(reset * hidden, weight["n"], new_bias * bias["n"])
        else:
            inner = reset * (from_hidden["n"] + new_bias * bias["n"])
        new = torch.sigmoid(from_input["n"] + inner) if sigmoid_new else torch.tanh(from_input["n"] + inner)
        return torch.lerp(hidden, new, update) if swap_update else torch.lerp(new, hidden, update)

    return gru_cell


def jax_one_product() -> Any:
    import jax
    import jax.numpy as jnp

    def gru_cell(params: Any, x: Any, hidden: Any) -> Any:
        i_reset, i_update, i_new = jnp.split(x @ params["w_input"].T + params["b_input"], 3, axis=1)
        h_reset, h_update, h_new = jnp.split(hidden @ params["w_hidden"].T + params["b_hidden"], 3, axis=1)
        new = jnp.tanh(i_new + jax.nn.sigmoid(i_reset + h_reset) * h_new)
        return new + jax.nn.sigmoid(i_update + h_update) * (hidden - new)

    return gru_cell


def torch_library_cell() -> Any:
    import torch

    def gru_cell(params: Any, x: Any, hidden: Any) -> Any:
        return torch.gru_cell(x, hidden, params["w_input"], params["w_hidden"], params["b_input"], params["b_hidden"])

    return gru_cell


FAULTS = (
    *plant("missing bias", new_bias=0.0),
    *plant("doubled bias", "torch", new_bias=2.0),
    *plant("gate order", order="zrn"),
    *plant("update order", reset_first=True),
    *plant("momentum convention", "jax", swap_update=True),
    *plant("another activation", "torch", sigmoid_new=True),
    *plant("stopped gradient", "jax", kind="gradient", detach_reset=True),
)
PORTS = (Port("jax", jax_one_product), Port("torch", torch_library_cell))
