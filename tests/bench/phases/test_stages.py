"""A subject for one framework: the one that is timed elsewhere, without the other framework."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from parity import ops
from parity.bench.phases.stages import alone
from parity.bench.subjects.subject import of_op


class TestSubject:
    @pytest.mark.both
    @pytest.mark.parametrize("kind", ["forward", "gradient"])
    def test_is_what_is_timed_elsewhere(self, kind):
        theirs = of_op(ops.load("attention"), kind, "float32")
        for backend in ("jax", "torch"):
            ours = alone(backend, "attention", kind, "float32")
            assert ours.functions == {backend: theirs.functions[backend]}
            assert ours.arguments.wrt == theirs.arguments.wrt
            assert (ours.sizes, ours.kind, ours.dtype) == (theirs.sizes, theirs.kind, theirs.dtype)
            assert len(ours.variants) == len(theirs.variants)
            for mine, their in zip(ours.variants, theirs.variants, strict=True):
                assert list(mine) == list(their)
                assert all(np.array_equal(mine[name], their[name]) for name in mine)

    @pytest.mark.both
    def test_no_other_framework_is_loaded(self, backend):
        other = {"jax": "torch", "torch": "jax"}[backend]
        program = (
            "import sys, parity.processes.child; from parity.bench.phases.stages import alone; "
            "from parity.bench.subjects.candidates import Candidate; "
            f"Candidate('', '{backend}', 'compiled', alone('{backend}', 'attention', 'forward', 'float32')).adapter; "
            f"print('{backend}' in sys.modules, '{other}' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["True", "False"]
