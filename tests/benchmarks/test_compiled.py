"""`jax.jit` against `torch.compile` on every operation: one group an operation, on the same inputs and threads.

What is timed has passed parity in this process first. The two sides run one after the other, so read the ratio with care.
"""

from __future__ import annotations

import pytest

from parity import backends, ops
from parity.arguments import parse
from parity.dtypes import cast
from parity.inputs import seeded_inputs
from parity.suite import check_op

pytestmark = pytest.mark.both


@pytest.mark.parametrize("name", ops.names())
def test_compiled(benchmark, name, backend):
    op = ops.load(name)
    report = check_op(op, ("float32",), ("compiled",), lambda step: None)
    assert report.passed, report
    adapter, function = backends.get(backend), op.implementation(backend)
    arguments = parse(seeded_inputs(op, op.sizes[0]), (), (function,))
    benchmark.group = f"{name} float32"
    with adapter.settings("float32"):
        compiled = adapter.compile(function)
        tree = arguments.tree({n: adapter.from_numpy(cast(a, "float32")) for n, a in arguments.arrays.items()})

        def call():
            return adapter.wait(arguments.call(compiled, tree))

        benchmark.pedantic(call, rounds=50, iterations=5, warmup_rounds=5)
