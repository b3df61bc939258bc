"""Which line of the caller's code draws random numbers from a global generator?"""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import numpy as np

from parity.execution import places


@contextlib.contextmanager
def from_python() -> Iterator[list[str]]:
    """The draws from NumPy's and Python's global generators in this block, as "what at place: source line".

    Nothing can be wrapped, since `from numpy.random import randn` was imported before: the generators are looked at after
    every line of the caller's own code. Slow, and only for a call whose draw is searched for.
    """
    found: list[str] = []
    before = sys.gettrace()
    if before is not None:  # a debugger or a coverage tool, which would lose its own trace
        yield found
        return
    watcher = _Watcher(found)
    sys.settrace(watcher.enter)
    try:
        yield found
    finally:
        sys.settrace(before)


class _Watcher:
    def __init__(self, found: list[str]) -> None:
        self.found, self.states, self.last = found, _states(), ""

    def enter(self, frame: FrameType, event: str, _: Any) -> Any:
        if not places.is_own(frame.f_code.co_filename):
            return None
        self.look()
        return self.step

    def step(self, frame: FrameType, event: str, _: Any) -> Any:
        self.look()
        here: FrameType | None = frame
        if event == "return":  # the line that called goes on
            here = frame.f_back
            while here is not None and not places.is_own(here.f_code.co_filename):
                here = here.f_back
        self.last = places.shown(here.f_code.co_filename, here.f_lineno) if here is not None else ""
        return self.step

    def look(self) -> None:
        """Names the line that ran last, if a generator has moved since."""
        now = _states()
        moved = [name for name, state in now.items() if state != self.states[name]]
        self.states = now
        self.found += [f"{name} at {self.last}" for name in moved if self.last]


def _states() -> dict[str, Any]:
    state: Any = np.random.get_state(legacy=False)
    numpy = (state["has_gauss"], {key: np.asarray(value).tobytes() for key, value in state["state"].items()})
    return {"numpy.random": numpy, "random": random.getstate()}
