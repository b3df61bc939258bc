"""A torch worker, one of two processes that talk over gloo."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from impl_torch.multi_head_batched import multi_head_batched
from impl_torch.train_step import train_step
from parity.data.tree import nested
from parity.execution import backends
from parity.processes.ranks import Rank
from parity.sides import TORCH
from parity.transforms.devices import in_torch
from parity.transforms.devices.cases import NUM_HEADS, SUBJECTS, by_name

PEERS_WITHIN = timedelta(seconds=60)


def work(rank: Rank, arrays: Mapping[str, np.ndarray], fault: str = "") -> dict[str, np.ndarray]:
    """Results by `cell/leaf`, and on one device by `one device/subject/leaf`.

    Args:
        arrays: as `cases.inputs` gives them.
        fault: as in `judge.run`.
    """
    adapter = backends.get(TORCH)
    with joined(rank), adapter.settings("float64"):
        inputs = nested({name: adapter.from_numpy(array) for name, array in arrays.items()})
        results = spread(inputs, fault.split("+"))
        results |= {f"one device/{subject}": tree for subject, tree in one_device(inputs).items()}
        return by_name(results, adapter.to_numpy)


@contextlib.contextmanager
def joined(rank: Rank) -> Iterator[None]:
    """The process group of all ranks, up to a common end."""
    dist.init_process_group(
        "gloo",
        # A file needs no free port. The folder is new each time, as the file has to be.
        init_method=f"file://{rank.folder}/rendezvous",
        rank=rank.rank,
        world_size=rank.count,
        timeout=PEERS_WITHIN,
    )
    yield
    # Nobody leaves while another still needs it.
    dist.barrier()
    dist.destroy_process_group()


def one_device(inputs: Any) -> dict[str, Any]:
    """The functions as they are, in this process: what all the others have to give."""
    train, heads, block = (dict(inputs[subject]) for subject in SUBJECTS)
    x, cotangent = block.pop("x"), block.pop("cotangent")
    # By name: both trees have been sorted on the way.
    arrays = [heads[name] for name in ("query", "key", "value")]
    out, pull = torch.func.vjp(  # type: ignore[misc]
        partial(multi_head_batched, num_heads=NUM_HEADS), *arrays
    )
    return {
        "train_step": train_step(**train),
        "heads": (out, pull(heads["cotangent"])),
        "block": in_torch.block_gradient(x, block, cotangent, NUM_HEADS),
    }


def spread(inputs: Any, fault: Sequence[str]) -> dict[str, Any]:
    """Every way over all processes."""
    train, heads, block = (dict(inputs[subject]) for subject in SUBJECTS)
    scale = float(dist.get_world_size()) if "sum" in fault else 1.0
    if "heads" in fault:
        heads["query"] = heads["query"].roll(heads["query"].shape[2] // NUM_HEADS, dims=2)
    x, cotangent = block.pop("x"), block.pop("cotangent")
    return {
        "DDP": in_torch.data_parallel_ddp(**train, scale=scale),
        "FSDP2": in_torch.data_parallel_fsdp2(**train, scale=scale),
        "heads all_gather": in_torch.heads_all_gather(**heads, num_heads=NUM_HEADS),
        "block ColwiseParallel": in_torch.block_colwise_rowwise(x, block, cotangent, NUM_HEADS),
    }
