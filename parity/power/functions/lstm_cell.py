"""One LSTM step with two biases, gates in the order input, forget, cell, output."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.power.catalogue import Port, plant


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Any:
        return rng.standard_normal(shape, dtype=np.float32)

    params = {
        "w_input": normal(28, 5) / 2,
        "w_hidden": normal(28, 7) / 3,
        "b_input": normal(28),
        "b_hidden": normal(28),
    }
    return {"params": params, "x": normal(3, 5), "hidden": normal(3, 7), "cell": normal(3, 7)}


def jax_function(
    *,
    order: str = "ifgo",
    hidden_bias: float = 1.0,
    input_bias: float = 1.0,
    sigmoid_cell: bool = False,
    old_cell: bool = False,
    detach_cell: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def lstm_cell(params: Any, x: Any, hidden: Any, cell: Any) -> Any:
        gates = x @ params["w_input"].T + hidden @ params["w_hidden"].T
        gates += input_bias * params["b_input"] + hidden_bias * params["b_hidden"]
        gate = dict(zip(order, jnp.split(gates, 4, axis=-1), strict=True))
        candidate = jax.nn.sigmoid(gate["g"]) if sigmoid_cell else jnp.tanh(gate["g"])
        kept = jax.lax.stop_gradient(cell) if detach_cell else cell
        new_cell = jax.nn.sigmoid(gate["f"]) * kept + jax.nn.sigmoid(gate["i"]) * candidate
        return jax.nn.sigmoid(gate["o"]) * jnp.tanh(cell if old_cell else new_cell), new_cell

    return lstm_cell


def torch_function(
    *,
    order: str = "ifgo",
    hidden_bias: float = 1.0,
    input_bias: float = 1.0,
    sigmoid_cell: bool = False,
    old_cell: bool = False,
    detach_cell: bool = False,
) -> Any:
    from torch.nn.functional import linear

    def lstm_cell(params: Any, x: Any, hidden: Any, cell: Any) -> Any:
        gates = linear(x, params["w_input"], input_bias * params["b_input"])
        gates = gates + linear(hidden, params["w_hidden"], hidden_bias * params["b_hidden"])
        gate = dict(zip(order, gates.chunk(4, dim=1), strict=True))
        candidate = gate["g"].sigmoid() if sigmoid_cell else gate["g"].tanh()
        kept = cell.detach() if detach_cell else cell
        new_cell = gate["f"].sigmoid() * kept + gate["i"].sigmoid() * candidate
        return gate["o"].sigmoid() * (cell if old_cell else new_cell).tanh(), new_cell

    return lstm_cell


def jax_one_product() -> Any:
    import jax
    import jax.numpy as jnp

    def lstm_cell(params: Any, x: Any, hidden: Any, cell: Any) -> Any:
        weight = jnp.concatenate([params["w_input"], params["w_hidden"]], axis=1)
        joined = jnp.concatenate([x, hidden], axis=1)
        gates = (joined @ weight.T + (params["b_input"] + params["b_hidden"])).reshape(len(x), 4, -1)
        opened = jax.nn.sigmoid(gates)
        cell = opened[:, 1] * cell + opened[:, 0] * jnp.tanh(gates[:, 2])
        return opened[:, 3] * jnp.tanh(cell), cell

    return lstm_cell


def torch_library_cell() -> Any:
    import torch

    def lstm_cell(params: Any, x: Any, hidden: Any, cell: Any) -> Any:
        weights = params["w_input"], params["w_hidden"], params["b_input"], params["b_hidden"]
        return torch.lstm_cell(x, (hidden, cell), *weights)

    return lstm_cell


FAULTS = (
    *plant("gate order", order="ifog"),
    *plant("gate order", "torch", order="figo"),
    *plant("missing bias", hidden_bias=0.0),
    *plant("doubled bias", "jax", input_bias=2.0),
    *plant("another activation", "jax", sigmoid_cell=True),
    *plant("update order", old_cell=True),
    *plant("stopped gradient", "torch", kind="gradient", detach_cell=True),
)
PORTS = (Port("jax", jax_one_product), Port("torch", torch_library_cell))
