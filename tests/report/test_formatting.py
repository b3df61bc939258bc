"""Numbers and names as people read them."""

from __future__ import annotations

import pytest

from parity.report import formatting


@pytest.mark.parametrize(
    ("value", "told"),
    [(1e-4, "100 µs"), (9.996e-4, "1000 µs"), (2.5, "2.50 s"), (3e-9, "3.00 ns"), (0.0, "0 s"), (251.3, "4 min 11 s"),
     (119.9, "2 min 0 s"), (None, "–"), (2.0, "2.00 s"), (1.0, "1.00 s"), (0.0123, "12.3 ms"), (4.56e-5, "45.6 µs"),
     (1e-9, "1.00 ns")],
)  # fmt: skip
def test_seconds(value, told):
    assert formatting.seconds(value) == told


def test_large():
    assert [formatting.large(value, "B") for value in (None, 0, 999, 1.2e6, 5e13)] == [
        "–",
        "0.00 B",
        "999 B",
        "1.20 MB",
        "50.0 TB",
    ]


def test_moment():
    assert formatting.moment("2026-11-24T20:40:00+00:00") == "24 November 2026, 20:40 UTC"
    assert formatting.moment("2026-01-02T03:04:00+01:00") == "2 January 2026, 03:04 +0100"
    assert formatting.moment("yesterday") == "yesterday"


def test_labels_are_as_short_as_they_can_be():
    def one(op, dtype, size):
        return {"op": op, "kind": "forward", "dtype": dtype, "sizes": {"T": size}}

    found = formatting.labels(
        [one("a", "float32", 2), one("b", "float32", 2), one("b", "float64", 2), one("b", "float64", 3)]
    )
    assert found == ["a forward", "b forward, float32", "b forward, float64, T 2", "b forward, float64, T 3"]
