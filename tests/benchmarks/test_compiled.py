"""`jax.jit` against `torch.compile` on every operation: one group an operation, on the same inputs and threads.

What is timed has passed parity in this process first. The two sides run one after the other, so read the ratio with care.
"""

from __future__ import annotations

from functools import partial

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
        tree = arguments.tree({n: adapter.from_numpy(cast(a, "float32")) for n, a in arguments.arrays.items()})
        # A number of heads is a constant to a compiler, no array.
        constants = {name: value for name, value in tree.items() if isinstance(value, int)}
        arrays = {name: value for name, value in tree.items() if name not in constants}
        compiled = adapter.compile(partial(function, **constants))

        def call():
            return adapter.wait(compiled(**arrays))

        benchmark.pedantic(call, rounds=50, iterations=5, warmup_rounds=5)
