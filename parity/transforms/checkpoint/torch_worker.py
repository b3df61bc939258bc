"""Measures every policy in torch, in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import torch

from parity.data.leaf import Kind
from parity.data.tree import named_leaves, nested
from parity.execution import backends
from parity.processes.peak import peak_bytes
from parity.sides import TORCH
from parity.transforms.checkpoint import in_torch
from parity.transforms.checkpoint.cases import MODELS, PLAIN


def work(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Gradients and figures by `model/policy/…`.

    Args:
        arrays: as `cases.inputs` gives them.
    """
    adapter = backends.get(TORCH)
    inputs = nested({name: adapter.from_numpy(array) for name, array in arrays.items()})
    results: dict[str, np.ndarray] = {}
    with adapter.settings("float64"):
        for model in MODELS:
            for policy in (PLAIN, *in_torch.POLICIES):
                found = measured(model, policy, **inputs[model])
                results |= {f"{model}/{policy}/{name}": leaf for name, leaf in found.items()}
    return results


def measured(model: str, policy: str, x: torch.Tensor, weights: in_torch.Weights, cotangent: torch.Tensor) -> dict:
    """Gradients by name, and the figures of one model under one policy."""
    layer = in_torch.LAYERS[model]
    gradient = partial(in_torch.gradient, x, weights, cotangent, layer, policy)
    with in_torch.Counting() as counting:
        gradient()
    figures = {
        "saved_bytes": in_torch.saved_bytes(x, weights, layer, policy),
        "peak_bytes": peak_bytes(gradient),
        "matmuls": sum(counting.counts[name] for name in in_torch.MATMULS),
        "nonlinear": sum(counting.counts[name] for name in in_torch.NONLINEAR),
    }
    leaves = named_leaves(dict(zip(("x", "weights"), gradient(), strict=True)), Kind.GRADIENT)
    return {name: backends.get(TORCH).to_numpy(leaf) for name, leaf in leaves.items()} | {
        f"figure/{name}": np.int64(value) for name, value in figures.items()
    }
