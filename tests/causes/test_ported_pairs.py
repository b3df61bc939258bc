"""The right cause comes first on small ports with one fault; a search that crashes says so."""

from __future__ import annotations

import numpy as np
import pytest

import parity
from parity.judge.finding import Verdict
from tests.causes.ported_pairs import pairs

pytestmark = pytest.mark.both

# The three of the held-out half whose cause is not first, which nothing was fitted to.
NOT_YET = ("RMSprop L2 against decoupled", "Huber 0.25", "temperature")
TUNING = (
    "kernel flipped", "transposed convolution flipped", "L2 against decoupled decay", "AMSGrad of corrected moments",
    "moving average from the first", "moving average debiased", "reset before the product", "candidate without a bias",
    "one slice of a bias", "lower median", "rows without a key", "padding row", "antialias", "Huber against smooth L1",
    "mean over ignored labels", "sign of a term", "epsilon", "factor inside",
)  # fmt: skip
HELD_OUT = (
    "one-dimensional kernel flipped", "convolve against correlate", "RMSprop L2 against decoupled", "running mean from zero",
    "gate inside or outside", "last third of a bias", "median of all", "mean of values in a masked row", "padding row 1",
    "antialias bicubic", "Huber 0.25", "mean over padding", "sign before a sum", "slope", "temperature", "unbiased variance",
)  # fmt: skip


def test_names_are_those_of_the_pairs():
    assert tuple(map(tuple, pairs())) == (TUNING, HELD_OUT)


@pytest.mark.parametrize("name", [name for name in (*TUNING, *HELD_OUT) if name not in NOT_YET])
def test_right_cause_comes_first(name):
    tuning, held_out = pairs()
    pair = {**tuning, **held_out}[name]
    report = parity.check(pair.jax, pair.torch, pair.inputs, dtypes=(), causes_s=60.0)
    wrong = [f for f in report.findings if f.verdict is Verdict.SEMANTIC]
    assert wrong, str(report)
    assert wrong[0].causes, str(report)
    assert any(word in wrong[0].causes[0].name for word in pair.words), str(report)


def test_a_search_that_crashes_says_so(monkeypatch):
    from parity.causes import explanation

    def crash(*_):
        raise KeyError("no such\nnode")

    monkeypatch.setattr(explanation, "with_causes", crash)
    report = parity.check(lambda x: x * 2, lambda x: x * 3, (np.float32([1, 2]),), dtypes=())
    wrong = [f for f in report.findings if f.verdict is Verdict.SEMANTIC]
    assert wrong
    assert all("; cause search failed: KeyError: 'no such" in f.message for f in wrong), [f.message for f in wrong]
    assert "cause search failed: KeyError" in str(report)


def test_what_leaves_rounding_alone_comes_before_what_is_more_specific():
    from parity.causes.hypothesis import Hypothesis
    from parity.causes.search import Explanation, ranked
    from parity.programs.program import Edit

    near = Explanation(Hypothesis("near", "", Edit(), 1), "jax", ("out",), 1e-3, 5e-11)
    right = Explanation(Hypothesis("right", "", Edit(), 40), "jax", ("out",), 1e-3, 2e-16)
    specific = Explanation(Hypothesis("specific", "", Edit(), 5), "jax", ("out",), 1e-3, 1e-15)
    more = Explanation(Hypothesis("more", "", Edit(), 50), "jax", ("out", "grad/x"), 1e-3, 5e-11)
    assert [e.hypothesis.cause for e in ranked([near, right, specific, more])] == ["more", "specific", "right", "near"]


@pytest.mark.parametrize(
    "hidden", [np.zeros(6, np.float32), np.linspace(-1, 1, 6, dtype=np.float32)], ids=["hidden", "seen"]
)
def test_a_bias_that_is_zero_is_the_cause_of_the_outputs_too(hidden):
    """As it is in a model that was just initialised: the outputs agree until the inputs are moved."""
    x, w = (np.random.default_rng(0).standard_normal(shape, np.float32) for shape in ((5, 4), (4, 6)))
    report = parity.check(
        lambda x, w, b: (x @ w) ** 2 + 0 * b, lambda x, w, b: (x @ w + b) ** 2, (x, w, hidden), dtypes=()
    )
    assert {f.leaf: f.causes[0].name for f in report.findings if not f.verdict.passes} == dict.fromkeys(
        ("out", "grad/x", "grad/w", "grad/b"), "missing bias"
    )
