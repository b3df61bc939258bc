"""What a measuring process is about, told through shared memory: it costs the clock nothing, and tells what hangs."""

from __future__ import annotations

from ctypes import c_char, c_ulonglong
from multiprocessing.context import SpawnContext
from typing import Any

LONGEST = 160


class Pulse:
    """Written by the measuring process, read by the one that watches it."""

    def __init__(self, context: SpawnContext) -> None:
        self._stage: Any = context.RawArray(c_char, LONGEST)
        self._candidate: Any = context.RawArray(c_char, LONGEST)
        self._beats: Any = context.RawValue(c_ulonglong, 0)

    def beat(self, stage: str, candidate: str) -> None:
        """A stage, or a turn in it, begins."""
        self._stage.value = stage.encode()[: LONGEST - 1]
        self._candidate.value = candidate.encode()[: LONGEST - 1]
        self._beats.value += 1

    @property
    def beats(self) -> int:
        return int(self._beats.value)

    @property
    def stage(self) -> str:
        return bytes(self._stage.value).decode(errors="replace")

    @property
    def candidate(self) -> str:
        return bytes(self._candidate.value).decode(errors="replace")
