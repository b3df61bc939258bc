"""How much work the definition of a subject is: floating-point operations and bytes, whoever does it."""

from __future__ import annotations

from parity.bench.subjects.prepared import prepare
from parity.bench.subjects.subject import Subject
from parity.data.dtypes import cast
from parity.execution import backends
from parity.sides import TORCH


def work(subject: Subject) -> dict[str, float]:
    """`flops`: those of the matrix products that eager PyTorch runs; `bytes`: inputs read once and outputs written once.

    Empty if the function of PyTorch cannot be run. What a candidate computes again to save memory, and what it writes in
    between, is not counted: it is its own choice.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    adapter = backends.get(TORCH)
    values = [{name: cast(array, subject.dtype) for name, array in subject.variants[0].items()}]
    prepared = prepare(adapter, subject.functions[TORCH], subject.arguments, subject.kind, "eager", values, "cpu")
    try:
        with FlopCounterMode(display=False) as counter:
            leaves = prepared.leaves(prepared.call(0))
    except (Exception, SystemExit):  # the row of that candidate says what it is
        return {}
    arrays = [adapter.to_numpy(leaf) for leaf in leaves.values() if isinstance(leaf, torch.Tensor)]
    moved = sum(array.nbytes for array in (*values[0].values(), *arrays))
    return {"flops": float(counter.get_total_flops()), "bytes": float(moved)}
