"""Verdicts: their order, and which of them pass."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import Report
from parity.judge.finding import Cause, Finding, Verdict

ORDER = [
    "EXACT",
    "ROUNDING",
    "CONVENTION",
    "INCONCLUSIVE",
    "VACUOUS",
    "STABILITY",
    "INTERNAL_PRECISION",
    "SEMANTIC",
    "STRUCTURE",
    "ERROR",
]
VERDICTS = st.sampled_from(list(Verdict))


def finding(verdict):
    return Finding("out", "float64", "eager", verdict)


def test_from_best_to_worst():
    assert [str(verdict) for verdict in Verdict] == ORDER
    assert [verdict.severity for verdict in Verdict] == list(range(len(ORDER)))


def test_what_passes():
    assert {str(verdict) for verdict in Verdict if verdict.passes} == {"EXACT", "ROUNDING", "CONVENTION"}


@given(VERDICTS, VERDICTS)
def test_what_fails_is_worse_than_what_passes(one, other):
    if one.passes and not other.passes:
        assert one.severity < other.severity


@given(st.lists(VERDICTS, min_size=1), st.randoms())
def test_a_report_is_as_bad_as_its_worst_finding(verdicts, random):
    report = Report("x", tuple(map(finding, verdicts)))
    assert report.verdict == max(verdicts, key=lambda v: ORDER.index(v))
    assert report.passed is all(v.passes for v in verdicts)
    random.shuffle(verdicts)
    assert Report("x", tuple(map(finding, verdicts))).verdict == report.verdict


def test_a_report_of_nothing_does_not_pass():
    assert Report("x", ()).verdict is Verdict.VACUOUS
    assert not Report("x", ()).passed


def test_a_finding_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        finding(Verdict.SEMANTIC).verdict = Verdict.EXACT


def test_a_cause_in_words():
    assert str(Cause("sign", "ratio -1")) == "sign (ratio -1)"
    assert str(Cause("sign", "")) == "sign"
