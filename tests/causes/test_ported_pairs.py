"""The right cause comes first on small ports with one fault; a search that crashes says so."""

from __future__ import annotations

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
    report = parity.check(lambda x: x * 2, lambda x: x * 3, ([1.0, 2.0],), dtypes=())
    wrong = [f for f in report.findings if f.verdict is Verdict.SEMANTIC]
    assert wrong
    assert all(f.message.endswith("; cause search failed: KeyError: 'no such\\nnode'") for f in wrong)
    assert "cause search failed: KeyError" in str(report)
