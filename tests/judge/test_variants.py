"""Every variant that a check runs is in the list, by a name of its own."""

from __future__ import annotations

import numpy as np
import pytest

from parity import Verdict
from parity.data.inputs import normal
from parity.execution.runner import LiveRunner
from parity.judge import variants
from tests.both import cast, exp, softmax, stopped, through
from tests.both import check as judged

pytestmark = pytest.mark.both
X, DTYPES, REGIMES = normal((16, 5), 0, "x"), ("float32", "bfloat16"), ("unit", "offset", "wide")

# Between them they reach every rung and every measurement of it.
PAIRS = {
    "equal": (lambda x: softmax(x), lambda x: softmax(x)),
    "another definition": (lambda x: exp(x) * 1.001, lambda x: exp(x)),
    "float32 inside": (lambda x: through(x, "float32") * 2, lambda x: x * 2),
    "worse arithmetic": (
        lambda x: cast(cast(x + 1000, "float32") - 1000, str(x.dtype).removeprefix("torch.")),
        lambda x: x,
    ),
    "naive variance": (
        lambda x: ((x + 100) ** 2).mean() - (x + 100).mean() ** 2,
        lambda x: ((x - x.mean()) ** 2).mean(),
    ),
    "discrete": (lambda x: (x > 0.1) * 1, lambda x: (x * 3 > 0.1 * 3) * 1),
    "no gradient": (lambda x: x * 2 + stopped(x).sum() * 0, lambda x: x * 2),
    "zero but for rounding": (lambda x: softmax(x).sum(), lambda x: softmax(x).sum()),
    "staircase": (lambda x: (x > 0.1) * 1.0, lambda x: (x > 0.1) * 1.0 + 0 * x),
    "tie": (lambda x: abs(x - x[0]), lambda x: ((x - x[0]) ** 2) ** 0.5),
}


@pytest.fixture
def seen(monkeypatch):
    asked = set()
    run = LiveRunner.run

    def recorded(self, variant, inputs, dtype, mode):
        asked.add(variant)
        return run(self, variant, inputs, dtype, mode)

    monkeypatch.setattr(LiveRunner, "run", recorded)
    return asked


@pytest.mark.parametrize("name", PAIRS)
def test_nothing_else_is_run(seen, name):
    judged(*PAIRS[name], {"x": X}, dtypes=DTYPES, regimes=REGIMES)
    listed = set(variants.every(DTYPES, REGIMES, ["x"]))
    assert seen
    assert {variant.name for variant in seen - listed} == set()


def test_the_pairs_reach_moved_inputs(seen):
    verdicts = set()
    for pair in PAIRS.values():
        verdicts |= {finding.verdict for finding in judged(*pair, {"x": X}, dtypes=DTYPES).findings}
    kinds = {move.kind for variant in seen for move in variant.moves}
    assert kinds == {"moved", "moved again", "off zero", "shrunk"}
    assert {Verdict.SEMANTIC, Verdict.STABILITY, Verdict.ROUNDING} <= verdicts


def test_names_are_unique():
    listed = set(variants.every(DTYPES, REGIMES, ["x", "y"]))
    assert len({variant.name for variant in listed}) == len(listed)


def test_close_by_stays_close():
    given = variants.given("unit")
    exact = given.arrays({"x": X})["x"]
    for dtype, largest in (("float32", 2.0**-7), ("bfloat16", 0.5)):
        for variant in variants.close_by(given, dtype):
            moved = variant.arrays({"x": X})["x"]
            assert 0 < np.max(np.abs(moved / exact - 1)) < largest
