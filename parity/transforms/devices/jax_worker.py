"""A JAX worker: four devices in one process, or two processes of two devices each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from impl_jax.multi_head_batched import multi_head_batched
from impl_jax.train_step import train_step
from parity.data.tree import nested
from parity.execution import backends
from parity.processes.ranks import Rank
from parity.sides import JAX
from parity.transforms.devices import in_jax
from parity.transforms.devices.cases import DEVICES, NUM_HEADS, SUBJECTS, by_name


def work(rank: Rank, arrays: Mapping[str, np.ndarray], fault: str = "") -> dict[str, np.ndarray]:
    """Results by `cell/leaf`, and on one device by `one device/subject/leaf` where there is one process.

    Args:
        arrays: as `cases.inputs` gives them.
        fault: as in `judge.run`.
    """
    with joined(rank), backends.get(JAX).settings("float64"):
        inputs = nested(arrays)
        results = everywhere(spread(inputs, fault.split("+"), " 2 processes" if rank.count > 1 else ""))
        if rank.count == 1:
            results |= {f"one device/{subject}": tree for subject, tree in one_device(inputs).items()}
        return by_name(results, np.array)


@contextlib.contextmanager
def joined(rank: Rank) -> Iterator[None]:
    """All devices of all processes, from the first use of JAX in this one to a common end."""
    jax.config.update("jax_num_cpu_devices", DEVICES // rank.count)
    if rank.count > 1:
        jax.distributed.initialize(
            rank.address,
            num_processes=rank.count,
            process_id=rank.rank,
            coordinator_bind_address=rank.address,  # else it listens to the whole network
        )
    if jax.device_count() != DEVICES:
        raise RuntimeError(f"there are {jax.device_count()} devices, expected {DEVICES}")
    yield
    if rank.count > 1:
        jax.distributed.shutdown()


def everywhere(results: dict[str, Any]) -> dict[str, Any]:
    """Global arrays with all of each in every process, fetched in one go."""
    everything = NamedSharding(in_jax.mesh_of("batch"), P())
    gathered = jax.jit(lambda arrays: arrays, out_shardings=everything)(results)
    return jax.tree.map(lambda array: array.addressable_data(0), gathered)


def one_device(inputs: Any) -> dict[str, Any]:
    """The functions as they are, on one device: what all the others have to give."""
    train, heads, block = (jax.tree.map(backends.get(JAX).from_numpy, inputs[subject]) for subject in SUBJECTS)
    x, cotangent = block.pop("x"), block.pop("cotangent")
    # By name: both trees have been sorted on the way.
    arrays = [heads[name] for name in ("query", "key", "value")]
    out, pull = jax.vjp(partial(multi_head_batched, num_heads=NUM_HEADS), *arrays)
    return {
        "train_step": train_step(**train),
        "heads": (out, pull(heads["cotangent"])),
        "block": in_jax.block_gradient(x, block, cotangent, NUM_HEADS),
    }


def spread(inputs: Any, fault: Sequence[str], suffix: str = "") -> dict[str, Any]:
    """The ways that work within one process and across several."""
    batch, heads = in_jax.mesh_of("batch"), in_jax.mesh_of("heads")
    train, columns, block = (dict(inputs[subject]) for subject in SUBJECTS)
    params = in_jax.placed(train["params"], batch, P())
    x, y = in_jax.placed((train["x"], train["y"]), batch, P("batch"))
    if "heads" in fault:
        columns["query"] = np.roll(columns["query"], columns["query"].shape[2] // NUM_HEADS, axis=2)
    cut = in_jax.placed(columns, heads, in_jax.HEADS)
    block_x, block_cotangent = in_jax.placed((block.pop("x"), block.pop("cotangent")), heads, P())
    weights = {
        name: in_jax.placed(weight, heads, P("heads", None) if name == "out" else P(None, "heads"))
        for name, weight in block.items()
    }
    reduce = jax.lax.psum if "sum" in fault else jax.lax.pmean
    results = {
        "shard_map": in_jax.data_parallel_shard_map(params, x, y, batch, reduce),
        "heads shard_map": in_jax.heads_shard_map(**cut, num_heads=NUM_HEADS, mesh=heads),
        "block psum": in_jax.block_psum(block_x, weights, block_cotangent, NUM_HEADS, heads),
        "NamedSharding": in_jax.data_parallel_named_sharding(params, x, y, batch),
        "heads NamedSharding": in_jax.heads_named_sharding(**cut, num_heads=NUM_HEADS, mesh=heads),
    }
    if not suffix:
        results["pmap"] = in_jax.data_parallel_pmap(**train)
    for name, arrays in results.items():
        for array in jax.tree.leaves(arrays):
            if len(array.sharding.device_set) != DEVICES:
                raise RuntimeError(
                    f"{name}: a result is on {len(array.sharding.device_set)} devices, expected {DEVICES}"
                )
    return {name + suffix: arrays for name, arrays in results.items()}
