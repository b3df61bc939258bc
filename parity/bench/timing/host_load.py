"""How much of the machine other programs took while something was timed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator

import psutil

# Of the processors. Two threads that wait for each other are slowed down out of all proportion by a third: beside one busy
# program, torch on two processors took 100 times as long and JAX twice as long. The usual services take less than this.
BUSY = 0.1


@contextlib.contextmanager
def host_load() -> Iterator[Callable[[], float]]:
    """Gives a function that, after the block, returns the mean number of processors that other programs kept busy in it."""
    load = 0.0
    busy_s, own_s, started = _busy_s(), time.process_time(), time.perf_counter()
    try:
        yield lambda: load
    finally:
        others_s = _busy_s() - busy_s - (time.process_time() - own_s)
        load = max(0.0, others_s / (time.perf_counter() - started))


def is_disturbing(load: float) -> bool:
    """Whether other programs took more than a share `BUSY` of the processors."""
    return load > BUSY * (os.cpu_count() or 1)


def _busy_s() -> float:
    """Seconds since boot that all processors together were busy, or were taken away by a hypervisor."""
    times = psutil.cpu_times()  # the names that a system has differ
    return sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal"))
