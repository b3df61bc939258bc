"""The time of an import, and imports that fail."""

from __future__ import annotations

import os

import pytest

from parity.bench.phases import imports

ENVIRONMENTS = {"jax": dict(os.environ), "torch": dict(os.environ)}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; sys.exit('No module named {}')", "import: No module named torch"),
        ("print('{}')", "import: could not convert string to float: 'torch'"),
        ("import time; time.sleep(600)  # {}", "timed out after 0.5 seconds"),
    ],
)
def test_an_import_that_fails(monkeypatch, code, words):
    monkeypatch.setattr(imports, "_IMPORT", code)
    seconds, problems = imports.import_seconds(ENVIRONMENTS, 0.5, lambda message: None)
    assert seconds == {"jax": None, "torch": None}
    assert len(problems["torch"]) == 1
    assert words in problems["torch"][0]


def test_the_median_of_imports_by_turns(monkeypatch):
    monkeypatch.setattr(imports, "_IMPORT", "print(0.125)  # {}")
    said = []
    assert imports.import_seconds(ENVIRONMENTS, 60.0, said.append) == (
        {"jax": 0.125, "torch": 0.125},
        {"jax": [], "torch": []},
    )
    assert [message.split(":")[0] for message in said] == ["jax", "torch", "torch", "jax", "jax", "torch"]
