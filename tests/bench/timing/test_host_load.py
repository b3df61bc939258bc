"""How many processors other programs took, on counters that only these tests move."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from parity.bench.timing import host_load as module
from parity.bench.timing.host_load import host_load, is_disturbing


@pytest.fixture
def machine(monkeypatch):
    """Seconds of the wall clock, of this process, and of the system's counters."""
    state = SimpleNamespace(wall=0.0, own=0.0, user=0.0, steal=0.0, idle=0.0)
    times = SimpleNamespace(perf_counter=lambda: state.wall, process_time=lambda: state.own)
    monkeypatch.setattr(module, "time", times)
    monkeypatch.setattr(module.psutil, "cpu_times", lambda: state)
    monkeypatch.setattr(module.os, "cpu_count", lambda: 4)
    return state


@pytest.mark.parametrize(
    ("own", "user", "steal", "load"),
    [(2.0, 2.0, 0.0, 0.0), (2.0, 5.0, 0.0, 1.5), (1.0, 1.0, 3.0, 1.5), (2.0, 1.9, 0.0, 0.0)],
)
def test_what_was_busy_and_is_not_ours(machine, own, user, steal, load):
    with host_load() as found:
        machine.wall, machine.own, machine.user, machine.steal, machine.idle = 2.0, own, user, steal, 100.0
    assert found() == pytest.approx(load)


def test_more_than_a_tenth_of_the_processors_disturbs(machine):
    assert not is_disturbing(0.4)
    assert is_disturbing(0.41)
