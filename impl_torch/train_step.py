"""One step of gradient descent on a small attention classifier."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from impl_torch.multi_head_batched import multi_head_batched
from impl_torch.shapes import check_shapes

NUM_HEADS = 2
LEARNING_RATE = 0.2
PARAMS = {
    "embed": {"weight": "F D", "position": "T D"},
    "attention": {"query": "D D", "key": "D D", "value": "D D", "out": "D D"},
    "head": {"weight": "T D C", "bias": "C"},
}


def class_logits(params: dict[str, Any], x: Float[Tensor, "B T F"]) -> Float[Tensor, "B C"]:
    """Embedding of the T tokens, attention with a residual, tanh, and one linear map of all tokens to the C classes.

    Raises:
        ValueError: a shape or the tree of parameters does not fit.
    """
    check_shapes({"params": PARAMS, "x": "B T F"}, (params, x))
    embed, weights, head = params["embed"], params["attention"], params["head"]
    tokens = x @ embed["weight"] + embed["position"]
    query, key, value = (tokens @ weights[name] for name in ("query", "key", "value"))
    tokens = torch.tanh(tokens + multi_head_batched(query, key, value, NUM_HEADS) @ weights["out"])
    return tokens.flatten(1) @ head["weight"].flatten(0, 1) + head["bias"]


def loss(params: dict[str, Any], x: Float[Tensor, "B T F"], y: Int[Tensor, " B"]) -> Float[Tensor, ""]:
    """Mean over the batch of -log softmax(class_logits)[y].

    Raises:
        ValueError: a shape or the tree of parameters does not fit.
    """
    check_shapes({"params": PARAMS, "x": "B T F", "y": "B"}, (params, x, y))
    log_softmax = torch.log_softmax(class_logits(params, x), dim=-1)
    return -log_softmax.gather(-1, y[:, None]).mean()


def train_step(
    params: dict[str, Any], x: Float[Tensor, "B T F"], y: Int[Tensor, " B"]
) -> tuple[dict[str, Any], Float[Tensor, ""]]:
    """(params - LEARNING_RATE · d loss / d params, loss before the step), in new dictionaries.

    Raises:
        ValueError: a shape or the tree of parameters does not fit.
    """
    check_shapes({"params": PARAMS, "x": "B T F", "y": "B"}, (params, x, y))
    gradient, value = torch.func.grad_and_value(loss)(params, x, y)
    stepped = {
        group: {name: array - LEARNING_RATE * gradient[group][name] for name, array in arrays.items()}
        for group, arrays in params.items()
    }
    return stepped, value
