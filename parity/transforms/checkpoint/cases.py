"""Two deep models, their weights in NumPy, and what each policy must do for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from parity.data.inputs import cotangent, normal
from parity.sides import TORCH

# In float64: 0.5 MB for each [256, 256] of the wide layers, 1 MB for the [2, 4, 128, 128] of the attention.
MLP = {"L": 8, "B": 256, "D": 64, "W": 256}
ATTENTION = {"L": 6, "B": 2, "T": 128, "D": 32}
NUM_HEADS = 4
MODELS = ("deep_mlp", "deep_attention")
PLAIN = "plain"


@dataclass(frozen=True)
class Policy:
    """What is kept for the backward pass.

    Attributes:
        name: as in `jax.checkpoint_policies`.
        recomputes: whether it must compute something again and keep less than without checkpointing.
        keeps_no_less: (framework, model) pairs that keep no less all the same.
    """

    name: str
    recomputes: bool = True
    keeps_no_less: tuple[tuple[str, str], ...] = ()

    def saves_memory(self, backend: str, model: str) -> bool:
        """Whether this framework must keep less for this model."""
        return self.recomputes and (backend, model) not in self.keeps_no_less


POLICIES = (
    Policy("nothing_saveable"),  # keeps only the input of each layer
    Policy("everything_saveable", recomputes=False),
    # Keeps matrix products, recomputes exp, tanh and softmax. Of logits and softmax, torch without a checkpoint keeps the
    # softmax alone; the policy keeps the logits, which are as large.
    Policy("dots_saveable", keeps_no_less=((TORCH, "deep_attention"),)),
    Policy("save_only_these_names"),  # one named array of each layer
    Policy("save_from_both_policies"),  # products with weights and the named array, but no attention logits
)


def inputs() -> dict[str, np.ndarray]:
    """float64 arrays `model/x`, `model/cotangent` and `model/weights/name`; the first axis of weights is the layer."""

    def weight(name: str, *shape: int) -> np.ndarray:
        return normal(shape, 0, name) / np.sqrt(shape[1])

    layers, batch, width, wide = MLP.values()
    arrays = {
        "deep_mlp/x": normal((batch, width), 0, "deep_mlp/x"),
        "deep_mlp/weights/up": weight("deep_mlp/up", layers, width, wide),
        "deep_mlp/weights/down": weight("deep_mlp/down", layers, wide, width),
    }
    layers, batch, length, width = ATTENTION.values()
    arrays["deep_attention/x"] = normal((batch, length, width), 0, "deep_attention/x")
    for name in ("query", "key", "value", "out"):
        arrays[f"deep_attention/weights/{name}"] = weight(f"deep_attention/{name}", layers, width, width)
    for model in MODELS:
        arrays[f"{model}/cotangent"] = cotangent(model, arrays[f"{model}/x"].shape)
    return {name: array.astype(np.float64) for name, array in arrays.items()}
