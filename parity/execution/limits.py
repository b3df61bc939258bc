"""A time limit for other people's functions."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

# An exception that strikes inside of a callback of the garbage collector is lost: the alarm rings again after so long.
AGAIN_S = 1.0


class TimeLimitExceeded(BaseException):
    """Not an `Exception`, so that a function which catches every exception cannot swallow it."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises `TimeLimitExceeded` in the block after `seconds`.

    An alarm signal interrupts Python code and sleeping, in the caller's own thread, so that the caller's thread-local
    settings stay in force; code that hangs inside a C call is interrupted when that call returns. Outside the main
    thread and on systems without alarm signals there is no limit.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def on_alarm(_number: int, _frame: FrameType | None) -> None:
        raise TimeLimitExceeded(f"no result after {seconds:g} s")

    previous_handler = signal.signal(signal.SIGALRM, on_alarm)
    previous_timer = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *previous_timer)
        signal.signal(signal.SIGALRM, previous_handler)
