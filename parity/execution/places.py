"""Places in the caller's code: the line that calls, and the line that raised."""

from __future__ import annotations

import linecache
import sys
import sysconfig
import traceback
from pathlib import Path
from types import FrameType

_PACKAGE = Path(__file__).parents[1]
_STANDARD = sysconfig.get_path("stdlib")
# The frameworks themselves: their lines are no place to look for.
_LIBRARIES = ("/torch/", "/jax/", "/jaxlib/", "/numpy/", "/optree/")


def innermost(frame: FrameType | None, *, with_source: bool = True) -> str:
    """File, line and source of the innermost frame that is the caller's own; of one of another package where there is none."""
    other = ""
    while frame is not None:
        file = frame.f_code.co_filename
        if is_own(file):
            return shown(file, frame.f_lineno, with_source)
        if not other and _PACKAGE not in Path(file).parents and not _is_library(file):
            other = shown(file, frame.f_lineno, with_source)
        frame = frame.f_back
    return other


def shown(file: str, line: int, with_source: bool = True) -> str:
    """`file:line`, or `file:line: source`."""
    source = linecache.getline(file, line).strip() if with_source else ""
    return f"{file}:{line}" + (f": {source}" if source else "")


def raised(error: BaseException) -> str:
    """File and line of the caller's own code that raised, or called what raised; empty without."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _PACKAGE not in Path(f.filename).parents]
    own = [f for f in frames if "site-packages" not in f.filename and not f.filename.startswith(("<", _STANDARD))]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else ""


def _is_library(file: str) -> bool:
    return file.startswith("<") or any(part in file for part in _LIBRARIES)


def is_own(file: str) -> bool:
    """Is the file the caller's, no installed package's and not parity's?"""
    standard = file.startswith((sys.base_prefix, sys.prefix))
    return not (standard or "site-packages" in file or _is_library(file) or _PACKAGE in Path(file).parents)
