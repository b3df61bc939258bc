"""Attention of several heads over a batch, by blocks, with a gradient rule of its own."""

from __future__ import annotations

from functools import partial

import jax
from jaxtyping import Array, Float

from impl_jax.blockwise_kernel import blockwise_backward, blockwise_forward
from impl_jax.shapes import check_shapes


def blockwise_attention(
    query: Float[Array, "B N T H"], key: Float[Array, "B N S H"], value: Float[Array, "B N S Hv"], causal: bool = False
) -> Float[Array, "B N T Hv"]:
    """softmax(query keyᵀ / √H) value, softmax over the keys S, in extra memory that grows as T + S and not as T · S.

    With `causal`, query t sees the keys s <= t alone. The softmax is put together block by block, and the gradient makes
    the weights again instead of keeping them. Float32 sums for bfloat16 and float16, the dtype of the inputs otherwise.
    There is no forward mode (`jvp`). A gradient of the gradient exists.

    Raises:
        ValueError: a shape does not fit, something is empty, or `causal` is no bool.
    """
    check_shapes({"query": "B N T H", "key": "B N S H", "value": "B N S Hv"}, (query, key, value))
    if not isinstance(causal, bool):
        remedy = "pass it as a constant, not as an array; under a compiler it is a static argument"
        raise ValueError(f"causal: got {type(causal).__name__}, expected bool; {remedy}")
    return _attention(query, key, value, causal, _blocks(causal))


def _blocks(causal: bool) -> tuple[int, int]:
    """Queries and keys that meet at a time, measured for 2,048 of each on a CPU.

    Under a causal mask smaller blocks leave more out: 512 by 512 was fastest. Without one 1024 by 2048 was fastest on a
    quiet machine, and no size from 512 by 2048 to 2048 by 512 was clearly ahead on a busy one.
    """
    return (512, 512) if causal else (1024, 2048)


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _attention(query: Array, key: Array, value: Array, causal: bool, blocks: tuple[int, int]) -> Array:
    return blockwise_forward(query, key, value, causal, 0, blocks)[0]


def _forward(
    query: Array, key: Array, value: Array, causal: bool, blocks: tuple[int, int]
) -> tuple[Array, tuple[Array, ...]]:
    out, log_total = blockwise_forward(query, key, value, causal, 0, blocks)
    return out, (query, key, value, out, log_total)


def _backward(
    causal: bool, blocks: tuple[int, int], kept: tuple[Array, ...], d_out: Array
) -> tuple[Array, Array, Array]:
    query, key, value, out, log_total = kept
    return blockwise_backward(query, key, value, out, log_total, d_out, causal, 0, blocks)


_attention.defvjp(_forward, _backward)
