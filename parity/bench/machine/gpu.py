"""The state of the NVIDIA GPUs of this machine: clocks, and what slows them down."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from collections.abc import Sequence

REASONS = "clocks_throttle_reasons.active"
FIELDS = ("name", "driver_version", "clocks.sm", "clocks.mem", REASONS, "temperature.gpu", "power.draw")
# Bits of the active reasons (NVML, nvmlClocksEventReasons): software power cap, hardware slowdown, software and hardware
# thermal slowdown, power brake. An idle GPU and clocks that were set by hand are none of them.
SLOWED = 0x4 | 0x8 | 0x20 | 0x40 | 0x80


def state() -> tuple[dict[str, str], ...]:
    """Each GPU as nvidia-smi tells it, field → value with its unit; empty where there is no nvidia-smi."""
    if shutil.which("nvidia-smi") is None:
        return ()
    query = ["nvidia-smi", f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader"]
    told = subprocess.run(query, capture_output=True, text=True, timeout=30, check=False)
    rows = csv.reader(io.StringIO(told.stdout), skipinitialspace=True)
    return tuple(dict(zip(FIELDS, row, strict=True)) for row in rows if len(row) == len(FIELDS))


def slowed(states: Sequence[dict[str, str]]) -> str:
    """What slows a GPU down, in words; empty if nothing does."""
    for one in states:
        try:
            reasons = int(one[REASONS], 16)
        except ValueError:  # "[N/A]", by GPUs that do not tell
            continue
        if reasons & SLOWED:
            return f"{one['name']} is slowed down (throttle reasons {one[REASONS]})"
    return ""
