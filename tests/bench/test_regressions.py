"""Two runs side by side: what became slower."""

from __future__ import annotations

import copy
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.bench import regressions
from parity.bench.regressions import MARGIN, changes, judge, load, quotient
from parity.bench.timing.interval import Estimate
from parity.errors import InputError

POSITIVE = st.floats(1e-3, 1e3)


def ratio(value, width=0.01):
    return {"value": value, "low": value * (1 - width), "high": value * (1 + width)}


def row(name, value, width=0.01):
    timed = value is not None
    return {"name": name, "yardstick": ratio(value, width) if timed else None, "message": "" if timed else "it hung"}


def report(**values):
    return {
        "schema": "parity-bench/1",
        "environment": {"processor": "P", "cores": 2, "affinity": [0, 1], "machine": "x86_64"},
        "settings": {"device": "cpu", "threads": 2, "cache": "warm"},
        "comparisons": [
            {
                "op": "attention",
                "kind": "forward",
                "dtype": "float32",
                "sizes": {"T": 8},
                "message": "",
                "candidates": [row(name, value) for name, value in values.items()],
            }
        ],
    }


@pytest.mark.parametrize(
    ("now", "verdict"),
    [(1.0, "SAME"), (1.02, "SAME"), (1.5, "SLOWER"), (0.6, "FASTER"), (1.1, "CANNOT TELL"), (None, "LOST")],
)
def test_verdicts(now, verdict):
    (change,) = changes(report(jit=now), report(jit=1.0))
    assert (change.verdict, change.is_regression) == (verdict, verdict in ("SLOWER", "LOST"))
    assert change.comparison == "attention forward float32 [T=8]"
    assert change.message == ("it hung" if now is None else "")


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [
        (Estimate(1.3, 1.12, 1.5), "SLOWER"),
        (Estimate(1.3, 1.05, 1.5), "CANNOT TELL"),
        (Estimate(0.7, 0.6, 0.88), "FASTER"),
        (Estimate(0.7, 0.6, 0.95), "CANNOT TELL"),
        (Estimate(1.0, 0.95, 1.05), "SAME"),
        (Estimate(1.3, math.nan, math.nan), "CANNOT TELL"),
    ],
)
def test_the_whole_interval_has_to_be_beyond_the_margin(ratio, verdict):
    assert judge(ratio) == verdict


def test_what_failed_before_is_no_regression():
    assert [change.candidate for change in changes(report(a=1.0, b=None), report(a=1.0, b=None))] == ["a"]


@given(POSITIVE, POSITIVE, st.floats(0.0, 0.2), st.floats(0.0, 0.2))
def test_the_quotient_holds_every_pair_of_values_in_the_two_intervals(now, then, wide, narrow):
    found = quotient(ratio(now, wide), ratio(then, narrow))
    assert found.low <= found.value <= found.high
    for above in ratio(now, wide).values():
        for below in ratio(then, narrow).values():
            assert found.low * (1 - 1e-12) <= above / below <= found.high * (1 + 1e-12)


@given(POSITIVE, POSITIVE, st.floats(0.0, 0.2))
def test_exchanged_runs_have_the_opposite_verdict(now, then, width):
    opposite = {"SLOWER": "FASTER", "FASTER": "SLOWER"}
    there, back = (judge(quotient(ratio(a, width), ratio(b, width))) for a, b in ((now, then), (then, now)))
    # The interval of `ratio` is not symmetric in its logarithm, so that a verdict at the very edge may be lost.
    assert back in (opposite.get(there, there), "CANNOT TELL") or there == "CANNOT TELL"


@given(POSITIVE, st.floats(0.0, 0.3))
def test_no_change_is_never_called_one(value, width):
    assert judge(quotient(ratio(value, width), ratio(value, width))) in ("SAME", "CANNOT TELL")


def test_too_few_rounds_cannot_tell():
    assert judge(quotient({"value": 2.0, "low": None, "high": None}, ratio(1.0))) == "CANNOT TELL"


def test_a_change_beyond_the_margin_is_told():
    assert judge(quotient(ratio(math.exp(MARGIN) * 1.01, 0), ratio(1.0, 0))) == "SLOWER"


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [("environment", "processor", "Q"), ("settings", "threads", 4), ("settings", "cache", "cold")],
)
def test_other_machines_and_settings_are_refused(section, key, value):
    other = copy.deepcopy(report(jit=1.0))
    other[section][key] = value
    with pytest.raises(InputError, match=f"--compare: .*{key} was {value!r}"):
        changes(report(jit=1.0), other)


def test_nothing_in_common_is_no_pass():
    other = copy.deepcopy(report(jit=1.0))
    other["comparisons"][0]["sizes"] = {"T": 16}
    with pytest.raises(InputError, match="no comparison in common"):
        changes(report(jit=1.0), other)


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "cannot read"), ("[]", "schema None"), ('{"schema": "parity-bench/0"}', "parity-bench/0")],
)
def test_damaged_files(tmp_path, content, words):
    (tmp_path / "old.json").write_text(content)
    with pytest.raises(InputError, match=f"--compare: .*{words}"):
        load(tmp_path / "old.json")
    with pytest.raises(InputError, match="--compare: cannot read"):
        load(tmp_path / "missing.json")


def test_a_good_file(tmp_path):
    (tmp_path / "old.json").write_text(json.dumps(report(jit=1.0)))
    assert load(tmp_path / "old.json") == report(jit=1.0)
    assert regressions.SCHEMA == "parity-bench/1"
