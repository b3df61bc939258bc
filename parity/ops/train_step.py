"""One step of gradient descent on a small attention classifier.

Z = X W_embed + position, A = Concat(heads of Z W_query, Z W_key, Z W_value), U = tanh(Z + A W_out),
logits[b, c] = Σ_t Σ_d U[b, t, d] W_head[t, d, c] + bias[c], loss = -mean_b log softmax(logits[b])[y[b]],
and each parameter p becomes p - η d loss / d p with η = 0.2; the attention has 2 heads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.ops import attention_gradient, multi_head_batched
from parity.spec import Array, Op

NUM_HEADS = 2
LEARNING_RATE = 0.2

# Standard deviations for the digits: T = F = 8, D = 48, C = 10, so 1 / √fan_in. Centred pixels have a standard
# deviation of about 0.4, which the embedding makes up for; a wider position drowns them.
_EMBED, _POSITION, _PROJECT, _HEAD, _BIAS = 2 / np.sqrt(8), 0.3, 1 / np.sqrt(48), 1 / np.sqrt(8 * 48), 0.1
PARAMS = {
    "embed": {"weight": Array("F D", scale=_EMBED), "position": Array("T D", scale=_POSITION)},
    "attention": {name: Array("D D", scale=_PROJECT) for name in ("query", "key", "value", "out")},
    "head": {"weight": Array("T D C", scale=_HEAD), "bias": Array("C", scale=_BIAS)},
}


def _heads_gradient(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, d_out: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    d_query, d_key, d_value = np.empty_like(query), np.empty_like(key), np.empty_like(value)
    width = query.shape[2] // NUM_HEADS
    for b in range(len(query)):
        for n in range(NUM_HEADS):
            at = (b, slice(None), slice(n * width, (n + 1) * width))
            d_query[at], d_key[at], d_value[at] = attention_gradient.reference(query[at], key[at], value[at], d_out[at])
    return d_query, d_key, d_value


def reference(params: dict[str, Any], x: np.ndarray, y: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
    embed, project, head = params["embed"], params["attention"], params["head"]
    batch = np.arange(len(y))

    z = x @ embed["weight"] + embed["position"]
    query, key, value = z @ project["query"], z @ project["key"], z @ project["value"]
    heads = multi_head_batched.reference(query, key, value, NUM_HEADS)
    u = np.tanh(z + heads @ project["out"])
    logits = np.einsum("btd,tdc->bc", u, head["weight"]) + head["bias"]
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_softmax = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -log_softmax[batch, y].mean()

    # d loss / d logits = (softmax - one-hot of y) / B, then the chain rule backwards, line by line.
    d_logits = np.exp(log_softmax)
    d_logits[batch, y] -= 1
    d_logits /= len(y)
    d_u = np.einsum("bc,tdc->btd", d_logits, head["weight"])
    d_sum = d_u * (1 - u**2)
    d_query, d_key, d_value = _heads_gradient(query, key, value, d_sum @ project["out"].T)
    d_z = d_sum + d_query @ project["query"].T + d_key @ project["key"].T + d_value @ project["value"].T

    def over_tokens(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return np.einsum("bti,btj->ij", left, right)

    gradient = {
        "embed": {"weight": over_tokens(x, d_z), "position": d_z.sum(axis=0)},
        "attention": {
            "query": over_tokens(z, d_query),
            "key": over_tokens(z, d_key),
            "value": over_tokens(z, d_value),
            "out": over_tokens(heads, d_sum),
        },
        "head": {"weight": np.einsum("btd,bc->tdc", u, d_logits), "bias": d_logits.sum(axis=0)},
    }
    stepped = {
        group: {name: array - LEARNING_RATE * gradient[group][name] for name, array in arrays.items()}
        for group, arrays in params.items()
    }
    return stepped, loss


op = Op(
    inputs={"params": PARAMS, "x": "B T F", "y": Array("B", below="C")},
    outputs=({group: {name: array.axes for name, array in arrays.items()} for group, arrays in PARAMS.items()}, ""),
    sizes=({"B": 3, "T": 7, "F": 11, "D": 10, "C": 5}, {"B": 2, "T": 3, "F": 1, "D": 6, "C": 4}),
    reference=reference,
    wrt=(),  # the new parameters hold the gradient already
    source="Vaswani et al. 2017, arXiv:1706.03762, eq. 1 and section 3.2.2; Rumelhart, Hinton and Williams 1986, "
    "Learning representations by back-propagating errors, Nature 323, eq. 4 to 8 (eq. 8: gradient descent)",
)
