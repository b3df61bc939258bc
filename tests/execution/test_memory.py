"""Freed memory goes back to the system after a run on large inputs."""

from __future__ import annotations

import platform

import numpy as np
import psutil
import pytest

from parity.execution import memory

LARGE, SMALL = np.broadcast_to(np.uint8(0), memory.LEAST), np.zeros(4)
MEBIBYTE = 2**20


def resident():
    return psutil.Process().memory_info().rss / MEBIBYTE


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries give back by themselves")
def test_after_large_inputs_alone():
    for _ in range(2):  # after the first the C library takes blocks of this size from its own
        blocks = [np.ones(MEBIBYTE // 8) for _ in range(301)]
        last = blocks.pop()  # holds the end of the heap, so that nothing in front of it is given back
        del blocks
    memory.give_back([SMALL])
    kept = resident()
    memory.give_back([LARGE])
    assert resident() < kept - 200
    assert last.sum() == last.size


def test_without_glibc(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    memory.give_back([LARGE])
