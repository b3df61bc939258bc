"""The time limit stops Python code, cannot be swallowed, and leaves no alarm behind."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from parity.execution.limits import TimeLimitExceeded, time_limit

PATIENCE = 20.0  # seconds after which a test gives up waiting for an alarm


def busy():
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        pass


def swallow():
    try:
        busy()
    except Exception:
        busy()


@pytest.fixture(autouse=True)
def no_alarm_is_left():
    yield
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) in (signal.SIG_DFL, signal.SIG_IGN)


@pytest.mark.parametrize(
    "wait", [busy, swallow, lambda: time.sleep(PATIENCE), lambda: threading.Event().wait(PATIENCE)]
)
def test_stops(wait):
    start = time.monotonic()
    with pytest.raises(TimeLimitExceeded, match=r"no result after 0\.05 s"), time_limit(0.05):
        wait()
    assert time.monotonic() - start < PATIENCE / 2


def test_is_no_exception():
    assert not issubclass(TimeLimitExceeded, Exception)


def test_does_nothing_to_quick_code():
    with time_limit(0.05):
        value = 1
    time.sleep(0.1)  # an alarm that was left on would end the process here
    assert value == 1


def test_an_error_passes_through():
    with pytest.raises(KeyError, match="mine"), time_limit(1.0):
        raise KeyError("mine")


def test_handler_and_timer_of_the_caller_come_back():
    rung = []
    previous = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    signal.setitimer(signal.ITIMER_REAL, 100.0)
    try:
        with time_limit(1.0):
            assert signal.getitimer(signal.ITIMER_REAL)[0] <= 1.0
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 100.0
        signal.raise_signal(signal.SIGALRM)
        assert rung == [1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_no_limit_outside_the_main_thread():
    done = []

    def work():
        with time_limit(0.01):
            time.sleep(0.1)
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]


def test_an_alarm_that_is_swallowed_rings_again(monkeypatch):
    monkeypatch.setattr("parity.execution.limits.AGAIN_S", 0.05)
    swallowed = []

    def swallow():
        try:
            time.sleep(PATIENCE)
        except TimeLimitExceeded:
            swallowed.append(1)
        time.sleep(PATIENCE)

    with pytest.raises(TimeLimitExceeded), time_limit(0.02):
        swallow()
    assert swallowed == [1]
