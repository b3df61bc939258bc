"""Measures every policy in JAX, in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import jax
import numpy as np

from parity.data.leaf import Kind
from parity.data.tree import named_leaves, nested
from parity.execution import backends
from parity.processes.peak import peak_bytes
from parity.sides import JAX
from parity.transforms.checkpoint import in_jax
from parity.transforms.checkpoint.cases import MODELS, PLAIN


def work(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Gradients and figures by `model/policy/…`.

    Args:
        arrays: as `cases.inputs` gives them.
    """
    inputs = nested(arrays)
    results: dict[str, np.ndarray] = {}
    with backends.get(JAX).settings("float64"):
        for model in MODELS:
            on_device = jax.tree.map(backends.get(JAX).from_numpy, inputs[model])
            for policy in (PLAIN, *in_jax.POLICIES):
                found = measured(model, policy, **on_device)
                results |= {f"{model}/{policy}/{name}": leaf for name, leaf in found.items()}
    return results


def measured(model: str, policy: str, x: jax.Array, weights: in_jax.Weights, cotangent: jax.Array) -> dict:
    """Gradients by name, and the figures of one model under one policy."""
    layer = in_jax.LAYERS[model]
    gradient = partial(in_jax.gradient, layer=layer, policy=policy)
    compiled = jax.jit(gradient).lower(x, weights, cotangent).compile()
    counts = in_jax.counted(jax.make_jaxpr(gradient)(x, weights, cotangent).jaxpr)
    figures = {
        "saved_bytes": in_jax.saved_bytes(x, weights, layer, policy),
        "compiled_bytes": in_jax.compiled_bytes(compiled),
        "peak_bytes": peak_bytes(lambda: jax.block_until_ready(compiled(x, weights, cotangent))),
        "matmuls": sum(counts[name] for name in in_jax.MATMULS),
        "nonlinear": sum(counts[name] for name in in_jax.NONLINEAR),
    }
    leaves = named_leaves(dict(zip(("x", "weights"), compiled(x, weights, cotangent), strict=True)), Kind.GRADIENT)
    return {name: np.array(leaf) for name, leaf in leaves.items()} | {
        f"figure/{name}": np.int64(value) for name, value in figures.items()
    }
