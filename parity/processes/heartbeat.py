"""What a worker is doing, told through shared memory: it costs a running clock nothing, and shows what hangs."""

from __future__ import annotations

import mmap
import tempfile
from ctypes import Structure, c_char, c_ulonglong, sizeof

LONGEST = 160  # bytes of a stage or a candidate


class _Fields(Structure):
    _fields_ = (("beats", c_ulonglong), ("stage", c_char * LONGEST), ("candidate", c_char * LONGEST))


class Heartbeat:
    """Written by a worker, read by the process that watches it.

    Args:
        descriptor: an open file, the same one in both processes; by default a new one, `file`.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        if descriptor is None:
            self.file = tempfile.TemporaryFile()  # noqa: SIM115, the worker opens it too
            self.file.truncate(sizeof(_Fields))
            descriptor = self.file.fileno()
        self._fields = _Fields.from_buffer(mmap.mmap(descriptor, sizeof(_Fields)))

    def beat(self, stage: str, candidate: str = "") -> None:
        """A stage begins, or the turn of a candidate in it: from now on its time counts."""
        self._fields.stage = stage.encode()[: LONGEST - 1]
        self._fields.candidate = candidate.encode()[: LONGEST - 1]
        self._fields.beats += 1

    def read(self) -> tuple[int, str, str]:
        """How often the worker has told something, its stage, and what that is about."""
        stage, candidate = (
            bytes(text).decode(errors="replace") for text in (self._fields.stage, self._fields.candidate)
        )
        return int(self._fields.beats), stage, candidate
