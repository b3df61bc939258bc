"""A torch worker, one of two processes that talk over gloo.

python -m parity.transforms.devices.torch_worker RANK COUNT ADDRESS FOLDER [fault=sum+heads] [steps=N]

With `steps` it takes so many training steps and does nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import torch
import torch.distributed as dist

from impl_torch.multi_head_batched import multi_head_batched
from impl_torch.train_step import train_step
from parity.execution import backends
from parity.transforms.devices import in_torch
from parity.transforms.devices.cases import NUM_HEADS, SUBJECTS, by_name
from parity.transforms.workers.worker import Place, nested, read_whole, run_worker

PEERS_WITHIN = timedelta(seconds=60)


def work(place: Place) -> None:
    adapter = backends.get("torch")
    # A file needs no free port. The launcher's folder is new each time, as the file has to be.
    dist.init_process_group(
        "gloo",
        init_method=f"file://{place.folder}/rendezvous",
        rank=place.rank,
        world_size=place.count,
        timeout=PEERS_WITHIN,
    )
    arrays = read_whole(place.folder / "inputs.npz")
    inputs = nested({name: adapter.from_numpy(array) for name, array in arrays.items()})
    with adapter.settings("float64"):
        if steps := int(place.option("steps", "0")):
            keep_stepping(inputs, steps, place.mark_started)
        else:
            results = spread(inputs, place.option("fault").split("+"))
            results |= {f"one device/{subject}": tree for subject, tree in one_device(inputs).items()}
            place.write(by_name(results, adapter.to_numpy))
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


def keep_stepping(inputs: Any, steps: int, started: Callable[[], None]) -> None:
    """Many steps one after the other, for a launcher that wants to see one end in the middle."""
    train = dict(inputs["train_step"])
    for _ in range(steps):
        train["params"], _ = in_torch.data_parallel_ddp(**train)
        started()


if __name__ == "__main__":
    run_worker(work)
