"""The cells of many devices, and the float64 NumPy inputs that all workers of both frameworks compute on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity import ops
from parity.data.inputs import cotangent, normal, seeded_inputs
from parity.data.tree import named_leaves
from parity.sides import JAX, TORCH

# Eight examples for up to four devices, and four heads of 11 columns; the other sizes differ from all of these.
TRAIN_SIZES = {"B": 8, "T": 7, "F": 11, "D": 10, "C": 5}
HEADS_SIZES = {"B": 3, "T": 5, "S": 7, "D": 44}
NUM_HEADS = 4
EMBEDDING = 13  # E, the width in front of the projections
SUBJECTS = ("train_step", "heads", "block")
DEVICES = 4
PROCESSES = 2


@dataclass(frozen=True)
class DeviceCell:
    """One way to spread one computation over devices.

    Attributes:
        op: the operation; `subject` is its entry in the inputs and in the results of one device.
        name: the name in the matrix.
        backend, job: the framework, and its workers: "devices" (one process) or "processes" (several).
    """

    op: str
    subject: str
    name: str
    backend: str
    job: str


CELLS = (
    DeviceCell("train_step", "train_step", "pmap", JAX, "devices"),
    DeviceCell("train_step", "train_step", "shard_map", JAX, "devices"),
    DeviceCell("train_step", "train_step", "NamedSharding", JAX, "devices"),
    DeviceCell("train_step", "train_step", "shard_map 2 processes", JAX, "processes"),
    DeviceCell("train_step", "train_step", "NamedSharding 2 processes", JAX, "processes"),
    DeviceCell("train_step", "train_step", "DDP", TORCH, "processes"),
    DeviceCell("train_step", "train_step", "FSDP2", TORCH, "processes"),
    DeviceCell("multi_head_batched", "heads", "heads shard_map", JAX, "devices"),
    DeviceCell("multi_head_batched", "heads", "heads NamedSharding", JAX, "devices"),
    DeviceCell("multi_head_batched", "heads", "heads shard_map 2 processes", JAX, "processes"),
    DeviceCell("multi_head_batched", "heads", "heads NamedSharding 2 processes", JAX, "processes"),
    DeviceCell("multi_head_batched", "heads", "heads all_gather", TORCH, "processes"),
    DeviceCell("multi_head_batched", "block", "block psum", JAX, "devices"),
    DeviceCell("multi_head_batched", "block", "block psum 2 processes", JAX, "processes"),
    DeviceCell("multi_head_batched", "block", "block ColwiseParallel", TORCH, "processes"),
)


def inputs() -> dict[str, np.ndarray]:
    """Inputs and cotangents by `subject/argument/…`; floating ones in float64, with values representable in float32."""
    train = seeded_inputs(ops.load("train_step"), TRAIN_SIZES)
    heads = seeded_inputs(ops.load("multi_head_batched"), HEADS_SIZES)
    shape = (HEADS_SIZES["B"], HEADS_SIZES["T"])
    width = HEADS_SIZES["D"]
    block = {
        "x": normal((*shape, EMBEDDING), 0, "block/x"),
        "cotangent": cotangent("block", (*shape, EMBEDDING)),
        "out": normal((width, EMBEDDING), 0, "block/out") / np.float32(8),
        **{name: normal((EMBEDDING, width), 0, f"block/{name}") / np.float32(4) for name in ("query", "key", "value")},
    }
    del heads["num_heads"]
    tree = {"train_step": train, "heads": {**heads, "cotangent": cotangent("heads", (*shape, width))}, "block": block}
    return {
        name: leaf.astype(np.float64) if leaf.dtype.kind == "f" else leaf for name, leaf in named_leaves(tree).items()
    }


def labelled(subject: str, result: Any) -> dict[str, Any]:
    """The two results that every function returns in either framework, by name."""
    first, second = result
    if subject == "train_step":
        return {"params": first, "loss": second}
    return {
        "out": first,
        "grad": dict(zip(("query", "key", "value"), second, strict=True)) if subject == "heads" else second,
    }


def by_name(results: Mapping[str, Any], convert: Callable[[Any], np.ndarray]) -> dict[str, np.ndarray]:
    """Results by cell, or by `one device/subject`, as NumPy arrays by `cell/leaf`; `convert` makes the arrays."""
    subjects = {cell.name: cell.subject for cell in CELLS} | {f"one device/{subject}": subject for subject in SUBJECTS}
    return {
        f"{name}/{leaf}": convert(array)
        for name, result in results.items()
        for leaf, array in named_leaves(labelled(subjects[name], result)).items()
    }


def of_cell(results: Mapping[str, np.ndarray], cell: str) -> dict[str, np.ndarray]:
    """The leaves of one cell, from all results of a worker."""
    return {name.removeprefix(f"{cell}/"): leaf for name, leaf in results.items() if name.startswith(f"{cell}/")}
