"""The time limit stops Python code, cannot be swallowed, and leaves no alarm behind."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from parity.execution.limits import AGAIN_S, TimeLimitExceeded, time_limit

PATIENCE = 20.0  # seconds after which a test gives up waiting for an alarm
FEW = 1000  # blocks, as many as a loaded machine may begin too late; an alarm that is starved waits for ten thousands


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


class TestStress:
    """Alarms that strike while a block is being entered or left."""

    @pytest.fixture
    def rung(self):
        """The times at which the caller's own alarm rang."""
        rung = []
        signal.signal(signal.SIGALRM, lambda *_: rung.append(time.monotonic()))
        yield rung
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    @pytest.mark.parametrize("microseconds", [20, 1])
    def test_no_exit_leaves_an_alarm_or_a_handler(self, microseconds):
        left = struck = 0
        for _ in range(20_000):
            try:
                with time_limit(microseconds * 1e-6):
                    for _ in range(100):
                        pass
            except TimeLimitExceeded:
                struck += 1
            left += (
                signal.getitimer(signal.ITIMER_REAL)[0] > 0 or signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL
            )
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        assert left == 0
        if microseconds == 20:
            assert struck < 20_000

    def test_no_exit_leaves_an_alarm_of_a_limit_inside_a_limit(self):
        for _ in range(5_000):
            try:
                with time_limit(1000.0):
                    with contextlib.suppress(TimeLimitExceeded), time_limit(20e-6):
                        for _ in range(100):
                            pass
                    assert 900 < signal.getitimer(signal.ITIMER_REAL)[0] <= 1000
            finally:
                assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)

    @pytest.mark.parametrize("seconds", [20e-6, 1e-3, 1.0])
    @pytest.mark.parametrize("attempt", range(5))
    def test_many_short_blocks_do_not_starve_an_alarm_that_is_due(self, rung, seconds, attempt):
        due, late = time.monotonic() + 0.1, 0
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        while not rung and time.monotonic() < due + PATIENCE:
            late += time.monotonic() > due + 1e-3  # the timer and this clock are not read at the same moment
            with contextlib.suppress(TimeLimitExceeded), time_limit(seconds):
                for _ in range(100):
                    pass
        assert len(rung) == 1
        assert rung[0] >= due - 1e-3
        assert late < FEW
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)

    def test_a_limit_holds_while_limits_inside_it_come_and_go(self):
        late = 0

        def blocks():
            nonlocal late
            due = time.monotonic() + 0.1
            while time.monotonic() < due + PATIENCE:
                late += time.monotonic() > due + 1e-3
                with time_limit(PATIENCE):
                    pass

        with pytest.raises(TimeLimitExceeded, match=r"0\.1 s"), time_limit(0.1):
            blocks()
        assert late < FEW

    def test_the_callers_own_alarm_rings_inside_a_block(self, rung):
        due = time.monotonic() + 0.3
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with time_limit(100 * PATIENCE):
            while not rung and time.monotonic() < due + PATIENCE:
                pass
            assert len(rung) == 1
            assert rung[0] >= due - 1e-3
            assert signal.getitimer(signal.ITIMER_REAL)[0] > PATIENCE

    def test_a_periodic_alarm_keeps_its_period(self, rung):
        """At the pace of the limit's own repetition it would take longer than PATIENCE."""
        beats, period = 40, 0.02
        assert beats * AGAIN_S > PATIENCE
        start = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, period, period)
        while len(rung) < beats and time.monotonic() < start + PATIENCE:
            with contextlib.suppress(TimeLimitExceeded), time_limit(0.01):
                time.sleep(0.005)
        assert len(rung) == beats
        assert rung[-1] - start > 0.9 * beats * period

    def test_an_alarm_that_its_handler_sets_again(self, rung):
        beats, period = 40, 0.02

        def again(*_):
            rung.append(time.monotonic())
            signal.setitimer(signal.ITIMER_REAL, period)

        start = time.monotonic()
        signal.signal(signal.SIGALRM, again)
        signal.setitimer(signal.ITIMER_REAL, period)
        with time_limit(PATIENCE):
            while len(rung) < beats:
                pass
        assert rung[-1] - start > 0.9 * beats * period
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= period

    def test_an_alarm_without_a_handler_still_ends_the_process(self):
        program = (
            "import signal, time\nfrom parity.execution.limits import time_limit\n"
            "signal.setitimer(signal.ITIMER_REAL, 0.1)\nwith time_limit(30): time.sleep(20)"
        )
        done = subprocess.run([sys.executable, "-c", program], timeout=PATIENCE, check=False)
        assert done.returncode == -signal.SIGALRM


class TestNested:
    def test_the_outer_limit_wins_where_it_is_nearer(self):
        start = time.monotonic()
        with pytest.raises(TimeLimitExceeded, match=r"after 0\.1 s"), time_limit(0.1), time_limit(PATIENCE):
            busy()
        assert time.monotonic() - start < PATIENCE / 2

    def test_the_inner_limit_wins_where_it_is_nearer_and_the_outer_one_goes_on(self):
        def work():
            with pytest.raises(TimeLimitExceeded, match=r"after 0\.1 s"), time_limit(0.1):
                busy()
            busy()

        start = time.monotonic()
        with pytest.raises(TimeLimitExceeded, match=r"after 0\.3 s"), time_limit(0.3):
            work()
        assert 0.25 < time.monotonic() - start < PATIENCE / 2

    def test_the_outer_limit_strikes_though_inner_ones_come_and_go(self):
        def work():
            while time.monotonic() < start + PATIENCE:
                with time_limit(1.0):
                    pass

        start = time.monotonic()
        with pytest.raises(TimeLimitExceeded, match=r"after 0\.5 s"), time_limit(0.5):
            work()
        assert 0.45 < time.monotonic() - start < PATIENCE / 2
