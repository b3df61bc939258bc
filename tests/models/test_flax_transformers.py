"""Published models of two frameworks, lifted: the same function to rounding, or the place where they truly differ."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("transformers", reason="the models of transformers 4.48.3: nox -s models")
pytest.importorskip("flax")
import parity
from parity.compare.compare import compare
from parity.data.arguments import parse
from parity.execution.run_cache import RunCache
from tests.models.flax_pairs import PAIRS, functions

pytestmark = [pytest.mark.both, pytest.mark.filterwarnings("ignore")]  # their warnings are not ours
EQUAL = 1e-12
# Sines or rotary angles that one side's code holds in float32, rounded by NumPy: no lifting brings the digits back.
TABLES = {"RoFormer", "XGLM", "Pegasus", "Llama", "Gemma"}
# The gradient of the bias of a key is zero but for rounding: a softmax does not see it.
ZERO = ("key.bias", "k_proj.bias", "k_lin.bias")


@pytest.mark.parametrize("name", sorted(set(PAIRS) - TABLES))
def test_lifted_they_are_equal(name):
    pair = functions(name)
    arguments = parse(pair.inputs, "all", (pair.jax, pair.torch))
    cache = RunCache.live({"jax": pair.jax, "torch": pair.torch}, arguments, timeout_s=300, lifts=True)
    assert not cache.pinned.problems
    assert cache.pinned.is_lifted
    jax_run, torch_run = (cache.result(side, "float64", "eager") for side in cache.sides)
    assert not jax_run.problems
    assert not torch_run.problems
    assert compare(jax_run.outputs["out"], torch_run.outputs["out"]).error <= EQUAL
    errors = {
        leaf: compare(value, torch_run.gradients[leaf]).error
        for leaf, value in jax_run.gradients.items()
        if not leaf.endswith(ZERO)
    }
    assert len(errors) > 15
    assert {leaf: error for leaf, error in errors.items() if error > EQUAL} == {}
    assert any(np.abs(value).max() > 0 for value in jax_run.gradients.values())


@pytest.mark.parametrize("name", sorted({"BERT", *TABLES}))
def test_the_check_passes(name):
    pair = functions(name)
    report = parity.check(pair.jax, pair.torch, pair.inputs, timeout_s=300, name=name)
    assert report.passed, str(report)
    named = {cause.name for finding in report.findings for cause in finding.causes}
    assert named == ({"low-precision table"} if name in TABLES else set())
