"""One step of gradient descent on a small attention classifier."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from impl_jax.multi_head_batched import multi_head_batched
from impl_jax.shapes import check_shapes

NUM_HEADS = 2
LEARNING_RATE = 0.2
PARAMS = {
    "embed": {"weight": "F D", "position": "T D"},
    "attention": {"query": "D D", "key": "D D", "value": "D D", "out": "D D"},
    "head": {"weight": "T D C", "bias": "C"},
}


def class_logits(params: dict[str, Any], x: Float[Array, "B T F"]) -> Float[Array, "B C"]:
    """Embedding of the T tokens, attention with a residual, tanh, and one linear map of all tokens to the C classes.

    Raises:
        ValueError: a shape or the tree of parameters does not fit.
    """
    check_shapes({"params": PARAMS, "x": "B T F"}, (params, x))
    embed, weights, head = params["embed"], params["attention"], params["head"]
    tokens = x @ embed["weight"] + embed["position"]
    query, key, value = (tokens @ weights[name] for name in ("query", "key", "value"))
    tokens = jnp.tanh(tokens + multi_head_batched(query, key, value, NUM_HEADS) @ weights["out"])
    return jnp.einsum("btd,tdc->bc", tokens, head["weight"]) + head["bias"]


def loss(params: dict[str, Any], x: Float[Array, "B T F"], y: Int[Array, " B"]) -> Float[Array, ""]:
    """Mean over the batch of -log softmax(class_logits)[y].

    Raises:
        ValueError: a shape or the tree of parameters does not fit.
    """
    check_shapes({"params": PARAMS, "x": "B T F", "y": "B"}, (params, x, y))
    log_softmax = jax.nn.log_softmax(class_logits(params, x), axis=-1)
    return -jnp.take_along_axis(log_softmax, y[:, None], axis=-1).mean()


def train_step(
    params: dict[str, Any], x: Float[Array, "B T F"], y: Int[Array, " B"]
) -> tuple[dict[str, Any], Float[Array, ""]]:
    """(params - LEARNING_RATE · d loss / d params, loss before the step), in new dictionaries.

    Raises:
        ValueError: a shape or the tree of parameters does not fit.
    """
    check_shapes({"params": PARAMS, "x": "B T F", "y": "B"}, (params, x, y))
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    return jax.tree.map(lambda array, slope: array - LEARNING_RATE * slope, params, gradient), value
