"""What a worker may take, time and memory, and whether it has taken more."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from parity.processes.heartbeat import Heartbeat

LIST_S = 1.0  # seconds between two looks at all processes of the machine, which takes milliseconds


@dataclass(frozen=True)
class Limits:
    """
    Attributes:
        seconds: stage → seconds between two heartbeats; before the first heartbeat of a call the stage is "".
        memory_bytes: resident memory of the process with all that it started.
    """

    seconds: Callable[[str], float] = lambda stage: math.inf
    memory_bytes: float = math.inf


class Watch:
    """Watches one call.

    Args:
        pid: a process whose descendants work for this call.
        on_beat: told the stage and the candidate of each heartbeat that is seen.
    """

    def __init__(self, pid: int, heartbeat: Heartbeat, limits: Limits, on_beat: Callable[[str, str], None]) -> None:
        self._pid, self._heartbeat, self._limits, self._on_beat = pid, heartbeat, limits, on_beat
        heartbeat.beat("")
        self._beats, self._since, self._listed = heartbeat.read()[0], time.monotonic(), -math.inf
        self._processes: list[psutil.Process] = []

    def problem(self) -> str:
        """Why the call has to be ended; empty if it may go on."""
        beats, stage, candidate = self._heartbeat.read()
        if beats != self._beats:
            self._beats, self._since = beats, time.monotonic()
            self._on_beat(stage, candidate)
        allowed, limit = self._limits.seconds(stage), self._limits.memory_bytes
        if time.monotonic() - self._since > allowed:
            return f"no result after {allowed:g} s{f' of {stage}' if stage else ''}: its process was ended"
        if limit < math.inf and (held := self._held_beyond(limit)):
            took = f"it took {held / 1e9:.1f} GB of memory, {limit / 1e9:.1f} GB are allowed"
            return f"out of memory{f' in {stage}' if stage else ''}: {took}; its process was ended"
        return ""

    def _held_beyond(self, limit: float) -> int:
        """Bytes that are held, if they are more than `limit`; else 0."""
        if time.monotonic() - self._listed > LIST_S:
            self._listed = time.monotonic()
            with contextlib.suppress(psutil.Error):
                self._processes = psutil.Process(self._pid).children(recursive=True)
        # A resident size counts a page for each process that shares it; a proportional one does not, but takes longer.
        if sum(_bytes(process, "memory_info", "rss") for process in self._processes) <= limit:
            return 0
        held = sum(_bytes(process, "memory_full_info", "pss") for process in self._processes)
        return held if held > limit else 0


def _bytes(process: psutil.Process, method: str, name: str) -> int:
    try:
        memory = getattr(process, method)()
        return int(getattr(memory, name, memory.rss))
    except psutil.Error:
        return 0
