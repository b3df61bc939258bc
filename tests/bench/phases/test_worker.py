"""What the worker is told."""

from __future__ import annotations

import os
import sys

from parity.bench.phases import worker
from parity.bench.phases.worker import Assignment

TINY = {"T": 5, "S": 7, "H": 4, "Hv": 3}


def test_an_assignment_survives_the_way(monkeypatch):
    answers = []
    assignment = Assignment(
        "jax", "cpu", "cold", (("attention", "forward", "float32", TINY), ("b", "forward", "float32", None))
    )
    monkeypatch.setattr(worker.stages, "start", lambda backend, kinds: 0.5)
    read, write = os.pipe()
    monkeypatch.setattr(sys, "argv", ["worker", assignment.words(), str(write)])
    monkeypatch.setattr(worker, "end_with_parent", lambda: None)
    worker.main(lambda given, send: answers.append((given.backend, given.stage, given.subjects)))
    os.close(read)
    assert answers == [("jax", "cold", [["attention", "forward", "float32", TINY], ["b", "forward", "float32", None]])]
