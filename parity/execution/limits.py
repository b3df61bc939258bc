"""A time limit for other people's functions."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from types import FrameType, FunctionType

from parity.errors import InputError

# An exception raised inside a callback of the garbage collector is lost, so the alarm rings again after this many seconds.
AGAIN_S = 1.0
# An alarm while a block is being entered or left comes back after this many seconds. A timer of 0 would be no timer.
RETRY_S = 1e-4
# An alarm that is due within this many seconds of the one that was given back is that one: where the process has to wait
# for a processor between reading the timer and the clock, the two are that far apart.
SAME_ALARM_S = 0.05
LONGEST_S = 1e6  # more than a week, and five times that still fits the system's timer


class TimeLimitExceeded(BaseException):
    """Not an `Exception`, so that a function which catches every exception cannot swallow it."""


def time_limit(seconds: float) -> contextlib.AbstractContextManager[None]:
    """Raises `TimeLimitExceeded` in the `with` block after `seconds`.

    An alarm signal interrupts Python code and sleeping, in the caller's own thread, so that the caller's thread-local
    settings stay in force; code that hangs inside a C call is interrupted when that call returns. Limits nest, and an
    alarm that the caller has set itself (`signal.setitimer`) rings on time, inside the block too. Outside the main
    thread and on systems without alarm signals there is no limit.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        return contextlib.nullcontext()
    return _Limit(seconds)


class _Limit(contextlib.AbstractContextManager[None]):
    """A class, not a generator: an alarm inside contextlib's own `__exit__` would skip the clean-up of a generator."""

    # When the caller's alarm is due that the last block gave back. Many short blocks, each of which reads it a little
    # wrong, would put it off for ever.
    _given_back = -math.inf

    def __init__(self, seconds: float) -> None:
        self._seconds, self._active = seconds, False

    def __enter__(self) -> None:
        self._take_alarm()
        self._end = time.monotonic() + self._seconds
        self._outer = signal.signal(signal.SIGALRM, self._on_alarm)
        self._active = True
        self._arm(min(self._end, self._outer_end), AGAIN_S)

    def __exit__(self, *_: object) -> None:
        self._active = False  # first: what follows may run a handler
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._outer)
        _Limit._given_back = self._outer_end
        if time.monotonic() >= self._outer_end:
            signal.setitimer(signal.ITIMER_REAL, self._outer_interval, self._outer_interval)
            _raise_alarm()
        else:
            self._arm(self._outer_end, self._outer_interval)

    def _take_alarm(self) -> None:
        """Stops the caller's alarm and notes when it is due. Again if its handler just ran and set a new one."""
        self._outer_end, self._outer_interval = math.inf, 0.0
        while (alarm := signal.setitimer(signal.ITIMER_REAL, 0))[0]:
            now = time.monotonic()
            owed = _Limit._given_back - now
            is_same = abs(alarm[0] - owed) < SAME_ALARM_S if owed > 0 else alarm[0] <= RETRY_S
            self._outer_end = _Limit._given_back if is_same else now + alarm[0]
            self._outer_interval = alarm[1]

    def _arm(self, end: float, interval: float) -> None:
        if end < math.inf:
            signal.setitimer(signal.ITIMER_REAL, max(end - time.monotonic(), RETRY_S), interval)

    def _on_alarm(self, number: int, frame: FrameType | None) -> None:
        if not self._active:
            return
        if frame is not None and frame.f_code in _UNINTERRUPTED:
            signal.setitimer(signal.ITIMER_REAL, RETRY_S, AGAIN_S)
            return
        try:
            if time.monotonic() >= self._outer_end:
                self._ring(number, frame)
        finally:
            is_over = time.monotonic() >= self._end
            next_end = time.monotonic() + AGAIN_S if is_over else self._end
            self._arm(min(next_end, self._outer_end), AGAIN_S)
        if is_over:
            raise TimeLimitExceeded(f"no result after {self._seconds:g} s")

    def _ring(self, number: int, frame: FrameType | None) -> None:
        """Does what the caller's alarm would do, which may set it again."""
        signal.setitimer(signal.ITIMER_REAL, self._outer_interval, self._outer_interval)
        try:
            if callable(self._outer):
                self._outer(number, frame)
            elif self._outer == signal.SIG_DFL:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.raise_signal(signal.SIGALRM)
        finally:
            self._take_alarm()


def _raise_alarm() -> None:
    """A function of its own, so that the limit outside may interrupt it."""
    signal.raise_signal(signal.SIGALRM)


# An exception in one of these would leave the alarm armed, or the block not entered.
_UNINTERRUPTED = {method.__code__ for method in vars(_Limit).values() if isinstance(method, FunctionType)}


def check_seconds(argument: str, seconds: object) -> None:
    """Raises InputError for what is no time limit."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds <= LONGEST_S:
        raise InputError(f"{argument}: got {seconds!r}, expected a number of seconds above 0, at most {LONGEST_S:g}")
