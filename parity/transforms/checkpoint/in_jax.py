"""JAX: deep models whose layers are recomputed in the backward pass. Layers run under `jax.lax.scan`.

In an unrolled loop, XLA for the CPU drops the barrier between the two computations of a layer, merges them, and saves nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

from impl_jax.multi_head_batched import multi_head_batched
from parity.transforms.checkpoint.cases import NUM_HEADS, PLAIN

Weights = dict[str, Array]
MATMULS = ("dot_general",)
NONLINEAR = ("exp",)  # of mish in the one model, of softmax in the other


def mlp_layer(x: Float[Array, "B D"], weights: Weights) -> Float[Array, "B D"]:
    """x + mish(x up) down, where mish(z) = z tanh(log(1 + exp(z)))."""
    wide = x @ weights["up"]
    hidden = checkpoint_name(wide * jnp.tanh(jnp.log1p(jnp.exp(wide))), "hidden")
    return x + hidden @ weights["down"]


def attention_layer(x: Float[Array, "B T D"], weights: Weights) -> Float[Array, "B T D"]:
    """x + attention(x query, x key, x value) out."""
    query, key, value = (x @ weights[name] for name in ("query", "key", "value"))
    heads = checkpoint_name(multi_head_batched(query, key, value, NUM_HEADS), "heads")
    return x + heads @ weights["out"]


LAYERS = {"deep_mlp": mlp_layer, "deep_attention": attention_layer}
_policies = jax.checkpoint_policies
POLICIES = {
    "nothing_saveable": _policies.nothing_saveable,
    "everything_saveable": _policies.everything_saveable,
    "dots_saveable": _policies.dots_saveable,
    "save_only_these_names": _policies.save_only_these_names("hidden", "heads"),
    "save_from_both_policies": _policies.save_from_both_policies(
        _policies.dots_with_no_batch_dims_saveable, _policies.save_only_these_names("hidden", "heads")
    ),
}


def deep(x: Array, weights: Weights, layer: Callable[..., Array], policy: str) -> Array:
    """Runs the layers one after the other under this policy; `plain` for no checkpoint."""
    if policy != PLAIN:
        layer = jax.checkpoint(layer, policy=POLICIES[policy])
    return jax.lax.scan(lambda x, weights: (layer(x, weights), None), x, weights)[0]


def gradient(x: Array, weights: Weights, cotangent: Array, layer: Callable[..., Array], policy: str) -> Any:
    """Gradients for `x` and `weights`."""
    _, pull = jax.vjp(lambda x, weights: deep(x, weights, layer, policy), x, weights)
    return pull(cotangent)


def saved_bytes(x: Array, weights: Weights, layer: Callable[..., Array], policy: str) -> int:
    """Bytes kept for the backward pass: the leaves of the vjp function."""

    def pull_of(x: Array, weights: Weights) -> Any:
        return jax.vjp(lambda x, weights: deep(x, weights, layer, policy), x, weights)[1]

    return sum(kept.size * kept.dtype.itemsize for kept in jax.tree.leaves(jax.eval_shape(pull_of, x, weights)))


def compiled_bytes(compiled: Any) -> int:
    """Temporary bytes of the compiled program, beyond its arguments and results."""
    return int(compiled.memory_analysis().temp_size_in_bytes)


def counted(jaxpr: Any, times: int = 1) -> Counter[str]:
    """How often each primitive runs; the body of a scan counts once for each step."""
    counts: Counter[str] = Counter()
    for equation in jaxpr.eqns:
        counts[equation.primitive.name] += times
        turns = times * equation.params["length"] if equation.primitive.name == "scan" else times
        for inner in _jaxprs(equation.params):
            counts += counted(inner, turns)
    return counts


def _jaxprs(params: dict[str, Any]) -> Iterator[Any]:
    for value in jax.tree.leaves(list(params.values()), is_leaf=lambda node: hasattr(node, "eqns")):
        if hasattr(value, "eqns"):
            yield getattr(value, "jaxpr", value)
