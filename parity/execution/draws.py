"""Which line of the caller's code draws random numbers from a global generator?"""

from __future__ import annotations

import contextlib
import linecache
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

_PACKAGE = Path(__file__).parents[1]
# The frameworks themselves: their lines are no place to look for.
_LIBRARIES = ("/torch/", "/jax/", "/jaxlib/", "/numpy/", "/optree/")


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


def place(frame: FrameType | None, *, with_source: bool = True) -> str:
    """File, line and source of the innermost frame that is the caller's own; of one of another package where there is none."""
    other = ""
    shown = _shown if with_source else lambda file, line: f"{file}:{line}"
    while frame is not None:
        file = frame.f_code.co_filename
        if _is_own(file):
            return shown(file, frame.f_lineno)
        if not other and _PACKAGE not in Path(file).parents and not _is_library(file):
            other = shown(file, frame.f_lineno)
        frame = frame.f_back
    return other


def _shown(file: str, line: int) -> str:
    """`file:line: source`."""
    source = linecache.getline(file, line).strip()
    return f"{file}:{line}" + (f": {source}" if source else "")


class _Watcher:
    def __init__(self, found: list[str]) -> None:
        self.found, self.states, self.last = found, _states(), ""

    def enter(self, frame: FrameType, event: str, _: Any) -> Any:
        if not _is_own(frame.f_code.co_filename):
            return None
        self.look()
        return self.step

    def step(self, frame: FrameType, event: str, _: Any) -> Any:
        self.look()
        here: FrameType | None = frame
        if event == "return":  # the line that called goes on
            here = frame.f_back
            while here is not None and not _is_own(here.f_code.co_filename):
                here = here.f_back
        self.last = _shown(here.f_code.co_filename, here.f_lineno) if here is not None else ""
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


def _is_library(file: str) -> bool:
    return file.startswith("<") or any(part in file for part in _LIBRARIES)


def _is_own(file: str) -> bool:
    standard = file.startswith((sys.base_prefix, sys.prefix))
    return not (standard or "site-packages" in file or _is_library(file) or _PACKAGE in Path(file).parents)
