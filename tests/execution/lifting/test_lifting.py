"""Numbers that were rounded to float32 before they came to a program."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.execution.lifting import is_rounded


@given(st.integers(-(2**14), 2**14), st.integers(-30, 30))
def test_short_numbers_were_not(number, exponent):
    assert not is_rounded(number * 2.0**exponent)


@given(st.floats(1e-30, 1e30))
def test_a_number_of_float64_was_if_it_is_one_of_float32(number):
    assert is_rounded(number) <= (float(np.float32(number)) == number)


@pytest.mark.parametrize("number", [0.1, 1 / 3, np.pi, 1e-5, np.sqrt(7)])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_usual_constants(number, sign):
    assert not is_rounded(sign * number)
    assert is_rounded(sign * float(np.float32(number)))


@pytest.mark.parametrize("number", [np.nan, np.inf, 0.0, 1e300])
def test_what_float32_does_not_hold(number):
    assert not is_rounded(number)
