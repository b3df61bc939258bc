"""Multi-head cross-attention with projections, biases and a mask over the keys (True = take part)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from parity.power.catalogue import FUSED, Port, plant

HEADS, LENGTH, SIZE, WIDTH = 3, 7, 11, 15


def inputs(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Any:
        return rng.standard_normal(shape, dtype=np.float32)

    params = {f"w_{name}": normal(WIDTH, WIDTH) / np.float32(4) for name in ("query", "key", "value", "out")}
    params |= {f"b_{name}": normal(WIDTH) for name in ("query", "value", "out")}
    mask = rng.random(SIZE) < 0.6
    mask[:2] = True, False
    return {
        "params": params,
        "x": normal(LENGTH, WIDTH),
        "memory": normal(SIZE, WIDTH),
        "mask": mask,
        "num_heads": HEADS,
    }


def jax_function(
    *,
    transpose: str = "",
    heads_last: bool = False,
    skip_merge: bool = False,
    whole_width: bool = False,
    invert: bool = False,
    out_bias: float = 1.0,
    query_bias: float = 1.0,
    detach_value: bool = False,
) -> Any:
    import jax
    import jax.numpy as jnp

    def multi_head_attention(params: Any, x: Any, memory: Any, mask: Any, num_heads: int) -> Any:
        params = {name: value.T if name == transpose else value for name, value in params.items()}
        size = x.shape[-1] // num_heads

        def split(y: Any) -> Any:
            if heads_last:
                return y.reshape(len(y), size, num_heads).transpose(2, 0, 1)
            return y.reshape(len(y), num_heads, size).transpose(1, 0, 2)

        query = split(x @ params["w_query"] + query_bias * params["b_query"])
        key = split(memory @ params["w_key"])
        value = split(memory @ params["w_value"] + params["b_value"])
        if detach_value:
            value = jax.lax.stop_gradient(value)
        logits = query @ key.transpose(0, 2, 1) / math.sqrt(x.shape[-1] if whole_width else size)
        weights = jax.nn.softmax(jnp.where(~mask if invert else mask, logits, -jnp.inf), axis=-1)
        heads = weights @ value
        merged = (heads if skip_merge else heads.transpose(1, 0, 2)).reshape(x.shape)
        return merged @ params["w_out"] + out_bias * params["b_out"]

    return multi_head_attention


def torch_function(
    *,
    transpose: str = "",
    heads_last: bool = False,
    skip_merge: bool = False,
    whole_width: bool = False,
    invert: bool = False,
    out_bias: float = 1.0,
    query_bias: float = 1.0,
    detach_value: bool = False,
) -> Any:
    import torch

    def multi_head_attention(params: Any, x: Any, memory: Any, mask: Any, num_heads: int) -> Any:
        weight = {name[2:]: p.t() if name == transpose else p for name, p in params.items() if name.startswith("w_")}
        size = x.shape[-1] // num_heads

        def split(y: Any) -> Any:
            return (
                y.unflatten(-1, (size, num_heads)).permute(2, 0, 1)
                if heads_last
                else y.view(-1, num_heads, size).transpose(0, 1)
            )

        query = split(torch.matmul(x, weight["query"]) + query_bias * params["b_query"])
        key = split(torch.matmul(memory, weight["key"]))
        value = split(torch.addmm(params["b_value"], memory, weight["value"]))
        if detach_value:
            value = value.detach()
        logits = torch.bmm(query, key.mT) * (x.shape[-1] if whole_width else size) ** -0.5
        weights = logits.masked_fill(mask if invert else ~mask, -torch.inf).softmax(dim=-1)
        heads = torch.bmm(weights, value)
        merged = heads.reshape(x.shape) if skip_merge else heads.transpose(0, 1).flatten(1)
        return torch.addmm(out_bias * params["b_out"], merged, weight["out"])

    return multi_head_attention


def jax_vmap_heads() -> Any:
    import jax
    import jax.numpy as jnp

    def multi_head_attention(params: Any, x: Any, memory: Any, mask: Any, num_heads: int) -> Any:
        size = x.shape[-1] // num_heads

        def head(w_query: Any, b_query: Any, w_key: Any, w_value: Any, b_value: Any) -> Any:
            logits = (x @ w_query + b_query) @ (memory @ w_key).T / math.sqrt(size)
            return jax.nn.softmax(logits, axis=-1, where=mask) @ (memory @ w_value + b_value)

        names = ("w_query", "b_query", "w_key", "w_value", "b_value")
        parts = [params[name].reshape(*params[name].shape[:-1], num_heads, size) for name in names]
        heads = jax.vmap(head, in_axes=-2, out_axes=1)(*parts)
        return jnp.einsum("tnh,nhd->td", heads, params["w_out"].reshape(num_heads, size, -1)) + params["b_out"]

    return multi_head_attention


def torch_fused() -> Any:
    from torch.nn.functional import linear, scaled_dot_product_attention

    def multi_head_attention(params: Any, x: Any, memory: Any, mask: Any, num_heads: int) -> Any:
        query = linear(x, params["w_query"].t(), params["b_query"])
        key, value = linear(memory, params["w_key"].t()), linear(memory, params["w_value"].t(), params["b_value"])
        query, key, value = (y.unflatten(-1, (num_heads, -1)).transpose(0, 1)[None] for y in (query, key, value))
        heads = scaled_dot_product_attention(query, key, value, attn_mask=mask.expand(x.shape[0], -1))
        return linear(heads[0].transpose(0, 1).flatten(-2), params["w_out"].t(), params["b_out"])

    return multi_head_attention


FAULTS = (
    *plant("transposed axes", transpose="w_out"),
    *plant("transposed axes", "torch", transpose="w_query"),
    *plant("permuted axes", heads_last=True),
    *plant("permuted axes", skip_merge=True),
    *plant("scale by another dimension", whole_width=True),
    *plant("inverted mask", invert=True),
    *plant("missing bias", "jax", out_bias=0.0),
    *plant("missing bias", "torch", query_bias=0.0),
    *plant("doubled bias", "torch", out_bias=2.0),
    *plant("stopped gradient", "jax", kind="gradient", detach_value=True),
)
PORTS = (Port("jax", jax_vmap_heads), Port("torch", torch_fused))
WEAK = {"torch_fused": FUSED}
