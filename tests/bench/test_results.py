"""Times as they stand in `bench.json`."""

from __future__ import annotations

import json

import numpy as np
import pytest

from parity.bench.results import CandidateResult, Comparison, ratio_dict, seconds_dict
from parity.bench.timing.interval import Estimate, median_of


def test_the_median_and_what_is_known_of_it():
    samples = np.random.default_rng(0).normal(1e-3, 1e-4, 400)
    found = seconds_dict(samples.tolist(), 0.99)
    assert found["least"] < found["q1"] < found["low"] < found["median"] < found["high"] < found["q3"]
    assert found["median"] == pytest.approx(np.median(samples))
    median = median_of(samples, 0.99)
    assert (found["low"], found["high"]) == (median.low, median.high)
    # Of the median of n numbers with a standard deviation of 10 %: 1.2533 * 10 % / sqrt(n).
    assert found["error"] == pytest.approx(1.2533 * 0.1 / 20, rel=0.25)


def test_the_error_does_not_hang_on_the_confidence():
    samples = np.random.default_rng(1).lognormal(0, 0.1, 2000).tolist()
    errors = [seconds_dict(samples, confidence)["error"] for confidence in (0.9, 0.99, 0.999)]
    assert max(errors) < 1.3 * min(errors)


def test_too_few_have_no_error():
    found = seconds_dict([1e-3, 2e-3, 3e-3], 0.99)
    assert (found["median"], found["low"], found["high"], found["error"]) == (pytest.approx(2e-3), None, None, None)
    json.dumps(found, allow_nan=False)


def test_a_ratio_without_an_interval_is_null_in_json():
    """Not the string "nan", which the page takes for damage."""
    ratio = ratio_dict(Estimate(2.0, float("nan"), float("nan")))
    row = CandidateResult(
        "jax", "jax", "eager", "timed", seconds=seconds_dict([1e-3, 2e-3], 0.99), ratio=ratio, normalized=ratio
    )
    comparison = Comparison("attention", "forward", "float32", {}, "jax.jit", {}, candidates=(row,))
    found = json.loads(json.dumps(comparison.to_dict(), allow_nan=False))["candidates"][0]
    assert found["ratio"] == found["yardstick"] == {"value": 2.0, "low": None, "high": None}
    assert found["seconds"]["error"] is None
