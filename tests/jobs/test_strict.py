"""Strict mode: compiled JAX is bit-equal to uncompiled JAX."""

from __future__ import annotations

import pytest

from parity import ops
from parity.jobs import strict

pytestmark = pytest.mark.both


def test_no_bit_differs():
    counts = strict.count_in_strict_process()
    assert {row.op for row in counts} == set(ops.names())
    assert {row.dtype for row in counts} == {"float32", "bfloat16"}
    assert [row for row in counts if row.differ] == []


def test_without_the_flags_bits_differ(monkeypatch):
    monkeypatch.setattr(strict, "XLA_FLAGS", "")
    assert any(row.differ for row in strict.count_in_strict_process())
