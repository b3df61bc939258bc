"""PyTorch: a training step and attention spread over processes. Each function can be copied as it stands.

Every process of the default process group calls them with the same arguments, in the same order.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor.parallel import ColwiseParallel, ParallelStyle, RowwiseParallel, parallelize_module
from torch.nn.parallel import DistributedDataParallel

from impl_torch.multi_head_batched import multi_head_batched
from impl_torch.train_step import LEARNING_RATE, loss

Tree = dict[str, Any]


class Classifier(nn.Module):
    """The loss of the training step as a module that owns its parameters."""

    def __init__(self, params: Tree) -> None:
        super().__init__()
        self.params = nn.ModuleDict(
            {
                group: nn.ParameterDict({n: nn.Parameter(a.clone()) for n, a in params[group].items()})
                for group in params
            }
        )

    def tree(self) -> Tree:
        """The parameters by group and name."""
        return {group: dict(arrays.items()) for group, arrays in self.params.items()}  # type: ignore[operator]

    def forward(self, x: Float[Tensor, "B T F"], y: Int[Tensor, " B"]) -> Float[Tensor, ""]:
        """The loss of one batch."""
        return loss(self.tree(), x, y)


def data_parallel_ddp(params: Tree, x: Tensor, y: Tensor, scale: float = 1.0) -> tuple[Tree, Tensor]:
    """Each process takes the step on its part of the batch; DDP averages the gradients. `scale` multiplies the loss."""
    model = Classifier(params)
    value = _step(DistributedDataParallel(model), x, y, scale)
    return {group: {n: a.detach() for n, a in arrays.items()} for group, arrays in model.tree().items()}, value


def data_parallel_fsdp2(params: Tree, x: Tensor, y: Tensor, scale: float = 1.0) -> tuple[Tree, Tensor]:
    """The same, but each process holds only its part of each parameter between steps."""
    model = Classifier(params)
    fully_shard(model, mesh=init_device_mesh("cpu", (dist.get_world_size(),)))
    value = _step(model, x, y, scale)
    held = sum(parameter.to_local().numel() for parameter in model.parameters())  # type: ignore[attr-defined]
    if held == sum(parameter.numel() for parameter in model.parameters()):
        raise RuntimeError("fully_shard sharded nothing: this process holds every parameter whole")
    return {
        group: {n: a.full_tensor().detach() for n, a in arrays.items()} for group, arrays in model.tree().items()
    }, value


def _step(model: nn.Module, x: Tensor, y: Tensor, scale: float) -> Tensor:
    """One step of gradient descent on this process's part of the batch; returns the mean of all losses."""
    rank, count = dist.get_rank(), dist.get_world_size()
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    value = scale * model(x.chunk(count)[rank], y.chunk(count)[rank])
    value.backward()
    optimizer.step()
    value = value.detach() / count  # gloo has no average
    dist.all_reduce(value)
    return value


def heads_all_gather(query: Tensor, key: Tensor, value: Tensor, cotangent: Tensor, num_heads: int) -> Any:
    """Attention of the heads in each process, and its gradients; gathers the columns of all processes at the end."""
    rank, count = dist.get_rank(), dist.get_world_size()
    arrays = [array.chunk(count, dim=2)[rank] for array in (query, key, value)]
    out, pull = torch.func.vjp(  # type: ignore[misc]
        lambda query, key, value: multi_head_batched(query, key, value, num_heads // count), *arrays
    )
    gradients = pull(cotangent.chunk(count, dim=2)[rank])
    return gathered(out, 2), tuple(gathered(gradient, 2) for gradient in gradients)


def gathered(local: Tensor, axis: int) -> Tensor:
    """The parts of all processes, concatenated along `axis`."""
    parts = [torch.empty_like(local, memory_format=torch.contiguous_format) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, local.contiguous())
    return torch.cat(parts, dim=axis)


class Block(nn.Module):
    """Attention between its projections; `num_heads` counts the heads of this process."""

    def __init__(self, weights: Tree, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        for name, weight in weights.items():  # [in, out]; nn.Linear keeps [out, in]
            linear = nn.Linear(weight.shape[0], weight.shape[1], bias=False, dtype=weight.dtype)
            linear.weight = nn.Parameter(weight.mT.clone())
            self.add_module(name, linear)

    def forward(self, x: Float[Tensor, "B T E"]) -> Float[Tensor, "B T E"]:
        """Projects, attends and projects back."""
        return self.out(multi_head_batched(self.query(x), self.key(x), self.value(x), self.num_heads))  # type: ignore[operator]


def block_gradient(x: Tensor, weights: Tree, cotangent: Tensor, num_heads: int) -> Any:
    """Output of `Block` and its gradients for `x` and the weights, in one process."""
    return _pulled_back(Block(weights, num_heads), x, cotangent, tuple(weights))


def block_colwise_rowwise(x: Tensor, weights: Tree, cotangent: Tensor, num_heads: int) -> Any:
    """The same by heads: each process has their columns of the projections and their rows of `out`."""
    count = dist.get_world_size()
    model = Block(weights, num_heads // count)
    plan: dict[str, ParallelStyle] = {
        name: RowwiseParallel() if name == "out" else ColwiseParallel() for name in weights
    }
    parallelize_module(model, init_device_mesh("cpu", (count,)), plan)
    return _pulled_back(model, x, cotangent, tuple(weights))


def _pulled_back(model: nn.Module, x: Tensor, cotangent: Tensor, names: tuple[str, ...]) -> Any:
    x = x.clone().requires_grad_()
    out = model(x)
    out.backward(cotangent)
    slopes = {name: model.get_submodule(name).weight.grad for name in names}
    return out.detach(), (x.grad, {name: _full(slope).mT for name, slope in slopes.items()})


def _full(array: Any) -> Tensor:
    return array.full_tensor() if hasattr(array, "full_tensor") else array
