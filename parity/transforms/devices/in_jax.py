"""JAX: a training step and attention spread over devices. Each function can be copied as it stands.

`mesh` has one axis, `batch` or `heads`, over all devices of one or several processes. Arrays are global: with several
processes, `placed` makes them from the part that each process holds.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float, Int

from impl_jax.multi_head_batched import multi_head_batched
from impl_jax.train_step import LEARNING_RATE, loss, train_step

Tree = dict[str, Any]
HEADS = P(None, None, "heads")  # [B, T, D]: D is sharded, head by head


def mesh_of(axis: str) -> Mesh:
    """A mesh of all devices along one axis."""
    # make_mesh would make explicit axes, which ask every operation on a sharded array for its sharding.
    return jax.make_mesh((jax.device_count(),), (axis,), axis_types=(AxisType.Auto,))


def placed(tree: Any, mesh: Mesh, spec: P) -> Any:
    """NumPy arrays, equal in every process, as global arrays sharded by `spec`; each process places its own part."""

    def place(array: np.ndarray) -> jax.Array:
        return jax.make_array_from_callback(array.shape, NamedSharding(mesh, spec), lambda index: array[index])

    return jax.tree.map(place, tree)


def data_parallel_pmap(params: Tree, x: Float[np.ndarray, "B T F"], y: Int[np.ndarray, " B"]) -> tuple[Tree, Array]:
    """Each device takes the step on its part of the batch, with the mean of all gradients."""
    devices = jax.device_count()

    def step(params: Tree, x: Array, y: Array) -> tuple[Tree, Array]:
        value, gradient = jax.lax.pmean(jax.value_and_grad(loss)(params, x, y), "batch")
        return jax.tree.map(lambda array, slope: array - LEARNING_RATE * slope, params, gradient), value

    x, y = (array.reshape(devices, -1, *array.shape[1:]) for array in (x, y))
    return jax.pmap(step, axis_name="batch", in_axes=(None, 0, 0), out_axes=None)(params, x, y)


def data_parallel_shard_map(params: Tree, x: Array, y: Array, mesh: Mesh, reduce: Any = jax.lax.pmean) -> Any:
    """Replicates `params`, shards `x` and `y` along the batch.

    The mean is inside the differentiated function: shard_map itself sums the gradient of replicated parameters over the
    devices, so a mean of the gradients afterwards would be too large by the number of devices.
    """

    def step(params: Tree, x: Array, y: Array) -> tuple[Tree, Array]:
        value, gradient = jax.value_and_grad(lambda params: reduce(loss(params, x, y), "batch"))(params)
        return jax.tree.map(lambda array, slope: array - LEARNING_RATE * slope, params, gradient), value

    specs = P(), P("batch"), P("batch")
    return jax.jit(jax.shard_map(step, mesh=mesh, in_specs=specs, out_specs=P()))(params, x, y)


def data_parallel_named_sharding(params: Tree, x: Array, y: Array, mesh: Mesh) -> tuple[Tree, Array]:
    """The step for one device, unchanged: the compiler shards it along the batch and adds the communication."""
    everywhere, cut = NamedSharding(mesh, P()), NamedSharding(mesh, P("batch"))
    return jax.jit(train_step, in_shardings=(everywhere, cut, cut), out_shardings=everywhere)(params, x, y)


def heads_shard_map(query: Array, key: Array, value: Array, cotangent: Array, num_heads: int, mesh: Mesh) -> Any:
    """Attention of the heads on each device, and its gradients; heads need no communication."""
    local_heads = num_heads // mesh.size

    def local(query: Array, key: Array, value: Array, cotangent: Array) -> tuple[Array, tuple[Array, ...]]:
        out, pull = jax.vjp(partial(multi_head_batched, num_heads=local_heads), query, key, value)
        return out, pull(cotangent)

    sharded = jax.shard_map(local, mesh=mesh, in_specs=HEADS, out_specs=HEADS)
    return jax.jit(sharded)(query, key, value, cotangent)


def heads_named_sharding(query: Array, key: Array, value: Array, cotangent: Array, num_heads: int, mesh: Mesh) -> Any:
    """The function for one device, unchanged, with its columns sharded over the devices."""

    def whole(query: Array, key: Array, value: Array, cotangent: Array) -> tuple[Array, tuple[Array, ...]]:
        out, pull = jax.vjp(partial(multi_head_batched, num_heads=num_heads), query, key, value)
        return out, pull(cotangent)

    cut = NamedSharding(mesh, HEADS)
    return jax.jit(whole, in_shardings=cut, out_shardings=cut)(query, key, value, cotangent)


def block(x: Float[Array, "B T E"], weights: Tree, num_heads: int) -> Float[Array, "B T E"]:
    """Attention between its projections."""
    query, key, value = (x @ weights[name] for name in ("query", "key", "value"))
    return multi_head_batched(query, key, value, num_heads) @ weights["out"]


def block_gradient(x: Array, weights: Tree, cotangent: Array, num_heads: int) -> Any:
    """Output of `block` and its gradients for `x` and the weights."""
    out, pull = jax.vjp(lambda x, weights: block(x, weights, num_heads), x, weights)
    return out, pull(cotangent)


def block_psum(x: Array, weights: Tree, cotangent: Array, num_heads: int, mesh: Mesh) -> Any:
    """`block_gradient` by heads: each device has their columns of the projections and their rows of `out`.

    One sum over the devices forward, and one backward, which shard_map adds as all devices use `x`.
    """
    specs = {"query": P(None, "heads"), "key": P(None, "heads"), "value": P(None, "heads"), "out": P("heads", None)}

    def local(x: Array, weights: Tree, cotangent: Array) -> Any:
        local_heads = num_heads // mesh.size
        out, pull = jax.vjp(lambda x, weights: jax.lax.psum(block(x, weights, local_heads), "heads"), x, weights)
        return out, pull(cotangent)

    sharded = jax.shard_map(local, mesh=mesh, in_specs=(P(), specs, P()), out_specs=(P(), (P(), specs)))
    return jax.jit(sharded)(x, weights, cotangent)
