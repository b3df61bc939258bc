"""The cost of a subject by its definition: floating-point operations and bytes, whoever computes it."""

from __future__ import annotations

from parity.bench.subjects.prepared import on_inputs
from parity.bench.subjects.subject import Subject
from parity.data.dtypes import cast
from parity.execution import backends
from parity.sides import TORCH


def cost(subject: Subject) -> dict[str, float]:
    """`flops`: of the matrix products that eager PyTorch runs; `bytes`: inputs read once and outputs written once.

    Empty if the PyTorch function raises. Recomputation and intermediate results are choices of a candidate and not counted.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    adapter = backends.get(TORCH)
    values = [{name: cast(array, subject.dtype) for name, array in subject.variants[0].items()}]
    prepared = on_inputs(adapter, subject.functions[TORCH], subject.arguments, subject.kind, "eager", values, "cpu")
    try:
        with FlopCounterMode(display=False) as counter:
            leaves = prepared.leaves(prepared.call(0))
    except (Exception, SystemExit):  # the result of that candidate reports it
        return {}
    arrays = [adapter.to_numpy(leaf) for leaf in leaves.values() if isinstance(leaf, torch.Tensor)]
    moved = sum(array.nbytes for array in (*values[0].values(), *arrays))
    return {"flops": float(counter.get_total_flops()), "bytes": float(moved)}
