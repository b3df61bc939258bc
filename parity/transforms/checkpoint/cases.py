"""Two deep models, their weights in NumPy, and what each policy has to do for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from parity.data.inputs import cotangent, normal

# Eight bytes a number: 0.5 MB for each [256, 256] of the wide layers, 1 MB for the [2, 4, 128, 128] of the attention.
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
        recomputes: whether something has to be computed again, and less to be kept than without checkpointing.
        shows: one line of what it shows.
        keeps_no_less: (framework, model) where all the same no less is kept; `why` says why.
    """

    name: str
    recomputes: bool
    shows: str
    keeps_no_less: tuple[tuple[str, str], ...] = ()
    why: str = ""

    def saves_memory(self, backend: str, model: str) -> bool:
        return self.recomputes and (backend, model) not in self.keeps_no_less


POLICIES = (
    Policy("nothing_saveable", True, "only the input of each layer is kept; everything else is computed again"),
    Policy("everything_saveable", False, "all is kept: nothing is computed again, and no memory is saved"),
    Policy(
        "dots_saveable",
        True,
        "results of matrix products are kept; exp, tanh and softmax are computed again",
        keeps_no_less=(("torch", "deep_attention"),),
        why="without a checkpoint torch keeps of logits and softmax the softmax alone; the policy keeps the logits, as large",
    ),
    Policy("save_only_these_names", True, "one named array of each layer is kept"),
    Policy(
        "save_from_both_policies", True, "products with weights and the named array are kept, attention logits are not"
    ),
)


def inputs() -> dict[str, np.ndarray]:
    """By `model/x`, `model/cotangent` and `model/weights/name`, where the first axis of weights is the layer; float64."""

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
