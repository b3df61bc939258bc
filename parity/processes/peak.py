"""The most memory that a call has at one time, as the kernel counts it. For a process of its own, on Linux."""

from __future__ import annotations

import ctypes
import gc
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# So that a large block that is freed goes back to the kernel at once, and counts again when it is taken again.
ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "JAX_PLATFORMS": "cpu"}
_RESET_PEAK = "5"
REPEATS = 3
STILL = 4  # readings, 5 ms apart, without a fall
LEAST_READINGS = 6


def peak_bytes(call: Callable[[], Any]) -> int:
    """Bytes above what is held before the call, with its result; the median of a few calls, after one to warm up.

    Raises:
        RuntimeError: this system does not count a peak for each process.
    """
    call()
    gc.collect()
    gc.freeze()  # what is alive now is not looked through again at each collection
    try:
        return int(statistics.median(_once(call) for _ in range(REPEATS)))
    finally:
        gc.unfreeze()


def _once(call: Callable[[], Any]) -> int:
    try:
        before = _settled()
        Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
        result = call()
        after = _status("VmHWM")
    except (OSError, KeyError) as error:
        raise RuntimeError(f"the peak is read from /proc/self, which this system does not offer: {error}") from error
    del result
    return after - before


def _settled() -> int:
    """What is held once it falls no more: XLA gives the memory of a call back a little after its result is there."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)
    readings = [_status("VmRSS")]
    while len(readings) < LEAST_READINGS or min(readings[-STILL:]) < min(readings[:-STILL]):
        time.sleep(0.005)
        trim(0)
        readings.append(_status("VmRSS"))
    return min(readings)


def _status(name: str) -> int:
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) * 1024
