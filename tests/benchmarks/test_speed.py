"""`jax.jit` against `torch.compile` on every operation, under pytest-benchmark: one group an operation.

    pytest tests/benchmarks --benchmark-only --benchmark-save=today
    pytest-benchmark compare --group-by=group

What is timed has passed parity in this process first, and all candidates of a group are timed by turns.
"""

from __future__ import annotations

import pytest

from parity import ops

pytestmark = pytest.mark.both
CASES = [(name, kind) for name in ops.names() for kind in ("forward", "gradient")]


@pytest.fixture(scope="module")
def measured(request):
    """(op, kind) → its comparison and samples, measured once for all its candidates."""
    from parity.bench.session import measure
    from parity.bench.settings import Settings
    from parity.bench.subjects.subject import of_op

    # Without a clock that anybody reads, as few rounds on as small inputs as there can be.
    is_timed = not request.config.getoption("benchmark_disable")
    found = {}

    def once(name, kind):
        if (name, kind) not in found:
            op = ops.load(name)
            subject = of_op(op, kind, "float32", None if is_timed else op.sizes[0])
            settings = Settings(budget_s=2.0 if is_timed else 0.01)
            found[name, kind] = measure(subject, settings, wanted=lambda candidate: candidate.name in NAMES)
        return found[name, kind]

    return once


NAMES = ("jax", "jax.jit", "torch", "torch.compile")


@pytest.mark.parametrize("candidate", NAMES)
@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if case[1] == "forward" or ops.load(case[0]).wrt])
def test_speed(benchmark, measured, name, kind, candidate):
    from parity.bench.under_pytest import hand_over

    comparison, samples = measured(name, kind)
    hand_over(benchmark, comparison, samples, candidate)
