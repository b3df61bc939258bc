"""PyTorch: deep models whose layers are recomputed in the backward pass, with `torch.utils.checkpoint`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from impl_torch.multi_head_batched import multi_head_batched
from parity.transforms.checkpoint.cases import ATTENTION, NUM_HEADS, PLAIN

Weights = dict[str, Tensor]
aten = torch.ops.aten
MATMULS = ("mm", "bmm")
NONLINEAR = ("exp", "_softmax")  # of mish in the one model, of attention in the other
HEAD = ATTENTION["D"] // NUM_HEADS


def mlp_layer(x: Float[Tensor, "B D"], weights: Weights) -> Float[Tensor, "B D"]:
    """x + mish(x up) down, where mish(z) = z tanh(log(1 + exp(z)))."""
    wide = x @ weights["up"]
    hidden = wide * torch.tanh(torch.log1p(torch.exp(wide)))
    return x + hidden @ weights["down"]


def attention_layer(x: Float[Tensor, "B T D"], weights: Weights) -> Float[Tensor, "B T D"]:
    """x + attention(x query, x key, x value) out."""
    query, key, value = (x @ weights[name] for name in ("query", "key", "value"))
    heads = multi_head_batched(query, key, value, NUM_HEADS)
    return x + heads @ weights["out"]


LAYERS = {"deep_mlp": mlp_layer, "deep_attention": attention_layer}


def is_named(operation: Any, out: Any) -> bool:
    """Whether this is the array that JAX's `checkpoint_name` names.

    torch has no names, but a policy sees each operation and its result: the elementwise product of the one model, and the
    product of weights and values of the other.
    """
    return operation is aten.mul.Tensor or (operation is aten.bmm.default and out.shape[-1] == HEAD)


POLICIES: dict[str, Callable[[Any, Any], bool] | None] = {
    "nothing_saveable": None,  # what checkpoint does without a policy
    "everything_saveable": lambda operation, out: True,
    "dots_saveable": lambda operation, out: operation in (aten.mm.default, aten.bmm.default),
    "save_only_these_names": is_named,
    "save_from_both_policies": lambda operation, out: operation is aten.mm.default or is_named(operation, out),
}


def deep(
    x: Tensor,
    weights: Weights,
    layer: Callable[..., Tensor],
    policy: str,
    note: Callable[[Tensor], object] = lambda kept: None,
) -> Tensor:
    """Runs the layers under this policy, `plain` for no checkpoint; calls `note` with each tensor that the policy keeps."""

    def keep(context: Any, operation: Any, *args: Any, **kwargs: Any) -> CheckpointPolicy:
        chosen = POLICIES[policy]
        if chosen is None or not chosen(operation, context.op_output):
            return CheckpointPolicy.PREFER_RECOMPUTE
        note(context.op_output)
        return CheckpointPolicy.MUST_SAVE

    contexts = partial(create_selective_checkpoint_contexts, keep)
    selective: dict[str, Any] = {} if POLICIES.get(policy) is None else {"context_fn": contexts}
    for number in range(len(next(iter(weights.values())))):
        of_layer = {name: weight[number] for name, weight in weights.items()}
        x = layer(x, of_layer) if policy == PLAIN else checkpoint(layer, x, of_layer, use_reentrant=False, **selective)
    return x


def gradient(x: Tensor, weights: Weights, cotangent: Tensor, layer: Callable[..., Tensor], policy: str) -> Any:
    """Gradients for `x` and `weights`."""
    x, weights = x.detach().requires_grad_(), {name: w.detach().requires_grad_() for name, w in weights.items()}
    slopes = torch.autograd.grad(deep(x, weights, layer, policy), [x, *weights.values()], cotangent)
    return slopes[0], dict(zip(weights, slopes[1:], strict=True))


def saved_bytes(x: Tensor, weights: Weights, layer: Callable[..., Tensor], policy: str) -> int:
    """Bytes kept for the backward pass by autograd and by the policy; each storage counts once."""
    storages: dict[int, int] = {}

    def note(kept: Tensor) -> Tensor:
        storage = kept.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return kept

    weights = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
    with torch.autograd.graph.saved_tensors_hooks(note, lambda kept: kept):
        out = deep(x.detach().requires_grad_(), weights, layer, policy, note)
    del out  # alive until here, so that no address was given twice
    return sum(storages.values())


class Counting(TorchDispatchMode):
    """Counts the operations of the forward and backward pass, recomputed ones included."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.counts[operation.overloadpacket.__name__] += 1
        return operation(*args, **(kwargs or {}))
