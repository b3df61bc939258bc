"""Differences at ties, kinks and bounds alone: seen as that only where something was compared beside them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from parity import Verdict
from tests.both import found, sided, where

pytestmark = pytest.mark.both

ONES = np.ones((3, 5), np.float32)


@pytest.mark.parametrize("elsewhere", [math.nan, 0.0])
def test_nan_everywhere_but_at_the_tie_is_no_agreement(elsewhere):
    report = sided(
        "jax",
        lambda x: where(x == 1, x * 2, x * elsewhere),
        lambda x: where(x == 1, x * 3, x * elsewhere),
        (ONES,),
        wrt=(),
    )
    finding = found(report)
    assert finding.verdict is Verdict.SEMANTIC
    assert ("tie rule" in [cause.name for cause in finding.causes]) is not math.isnan(elsewhere)
