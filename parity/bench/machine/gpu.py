"""The state of the NVIDIA GPUs of this machine: clocks, and what throttles them."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from collections.abc import Sequence

REASONS = "clocks_throttle_reasons.active"
FIELDS = ("name", "driver_version", "clocks.sm", "clocks.mem", REASONS, "temperature.gpu", "power.draw")
# Bits of the active reasons (NVML, nvmlClocksEventReasons): software power cap, hardware slowdown, software and hardware
# thermal slowdown, power brake. Not: an idle GPU, and clocks that were set by hand.
SLOWED = 0x4 | 0x8 | 0x20 | 0x40 | 0x80


def state() -> tuple[dict[str, str], ...]:
    """Each GPU as nvidia-smi reports it: field → value with its unit; empty without nvidia-smi."""
    if shutil.which("nvidia-smi") is None:
        return ()
    query = ["nvidia-smi", f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, timeout=30, check=False)
    rows = csv.reader(io.StringIO(done.stdout), skipinitialspace=True)
    return tuple(dict(zip(FIELDS, row, strict=True)) for row in rows if len(row) == len(FIELDS))


def slowed(states: Sequence[dict[str, str]]) -> str:
    """A message that a GPU is throttled; empty if none is."""
    for gpu in states:
        try:
            reasons = int(gpu[REASONS], 16)
        except ValueError:  # "[N/A]": not supported
            continue
        if reasons & SLOWED:
            return f"{gpu['name']} is slowed down (throttle reasons {gpu[REASONS]})"
    return ""
