"""How much of the machine other programs took while something was timed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# Of the processors. Two threads that wait for each other are slowed down out of all proportion by a third one: torch on two
# processors took 100 times as long beside one busy program, JAX twice as long. The usual services take less than this.
BUSY = 0.1
_STAT = Path("/proc/stat")


@contextlib.contextmanager
def elsewhere() -> Iterator[Callable[[], float | None]]:
    """The mean number of processors that were busy with other programs in the block; None where the system does not tell."""
    busy, own, started = _busy_s(), time.process_time(), time.perf_counter()
    found: list[float | None] = [None]
    try:
        yield lambda: found[0]
    finally:
        wall, after = time.perf_counter() - started, _busy_s()
        if busy is not None and after is not None and wall > 0:
            found[0] = max(0.0, (after - busy - (time.process_time() - own)) / wall)


def is_disturbing(others: float | None) -> bool:
    """Is it more than a share `BUSY` of the processors?"""
    return others is not None and others > BUSY * (os.cpu_count() or 1)


def _busy_s() -> float | None:
    """Seconds that all processors together were busy, or were taken away by a hypervisor, since the machine started."""
    try:
        user, nice, system, _idle, _io, irq, soft, steal = map(int, _STAT.read_text().split("\n", 1)[0].split()[1:9])
    except (OSError, ValueError):
        return None
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")
