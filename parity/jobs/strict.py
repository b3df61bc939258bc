"""Strict mode: `jax.jit` gives exactly the bits of uncompiled JAX on the CPU.

By default neither framework promises this. XLA's flags hold for a whole process, so this runs in a process of its own; they are
debugging flags and may vanish, so a test runs it. torch's compiler has no such setting: its softmax differs in the last bits.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity import ops
from parity.data.arguments import parse
from parity.data.dtypes import cast
from parity.data.inputs import cotangent, seeded_inputs
from parity.data.leaf import Kind, LeafName
from parity.execution import backends
from parity.judge.serialize import plain
from parity.sides import JAX

# In this order: no fused reductions in another order, no fused multiply-add, no x / sum → x · (1 / sum), no bfloat16
# intermediates kept in float32.
XLA_FLAGS = (
    "--xla_cpu_experimental_ynn_fusion_type= --xla_cpu_max_isa=AVX "
    "--xla_disable_hlo_passes=algsimp --xla_allow_excess_precision=false"
)


@dataclass(frozen=True)
class BitCount:
    """How many elements of one leaf differ between compiled and uncompiled JAX."""

    op: str
    dtype: str
    leaf: str
    differ: int
    size: int


def count(dtypes: tuple[str, ...] = ("float32", "bfloat16")) -> list[BitCount]:
    """Compares outputs and gradients of every operation, compiled and uncompiled, with the XLA flags of this process."""
    adapter = backends.get(JAX)
    counts = []
    for op in map(ops.load, ops.names()):
        function = op.implementation(JAX)
        arguments = parse(seeded_inputs(op, op.sizes[0]), op.wrt, (function,))
        for dtype in dtypes:
            with adapter.settings(dtype):
                arrays = {name: adapter.from_numpy(cast(array, dtype)) for name, array in arguments.arrays.items()}

                def evaluate(
                    compiled: bool, function: Any = function, arguments: Any = arguments, arrays: Any = arrays
                ) -> dict:
                    def call(target: Any, values: Any) -> Any:
                        return arguments.call(target, arguments.tree(values))

                    result = adapter.evaluate(function, call, arrays, arguments.wrt, cotangent, compiled)
                    gradients = {str(LeafName.of(Kind.GRADIENT, path)): leaf for path, leaf in result.gradients.items()}
                    return {name: adapter.to_numpy(leaf) for name, leaf in {**result.outputs, **gradients}.items()}

                eager, compiled = evaluate(False), evaluate(True)
            for leaf, value in eager.items():
                differ = int(
                    np.count_nonzero(value.view(f"u{value.itemsize}") != compiled[leaf].view(f"u{value.itemsize}"))
                )
                counts.append(BitCount(op.name, dtype, leaf, differ, value.size))
    return counts


def count_in_strict_process() -> list[BitCount]:
    """The result of `count` in a new process with `XLA_FLAGS`.

    Raises:
        RuntimeError: the process failed.
    """
    environment = {**os.environ, "XLA_FLAGS": XLA_FLAGS, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "parity.jobs.strict"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the strict process failed with exit code {done.returncode}:\n{done.stderr.strip()}")
    return [BitCount(**row) for row in json.loads(done.stdout)]


if __name__ == "__main__":
    print(json.dumps(plain(count())))
