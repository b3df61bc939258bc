"""Where in the caller's code a step was asked for."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

from parity.sides import SIDES

# Their own code does what the caller's asked for, and the hooks of this room see it.
FRAMEWORKS = (*SIDES, "jaxlib", "numpy", "scipy", "ml_dtypes", "opt_einsum")
_HOOKS = tuple(f"parity.execution.lifting.{name}" for name in ("torch_modes", "jax_requests", "finfo", "place"))
_EVALUATION = "parity.execution."


def is_framework(frame: FrameType) -> bool:
    """Does the frame belong to a framework?"""
    return frame.f_globals.get("__name__", "").split(".")[0] in FRAMEWORKS


def caller() -> str:
    """`file.py:line` of the innermost frame that is the caller's; empty if parity's own evaluation asked."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if not is_framework(frame) and name not in _HOOKS and not frame.f_code.co_filename.startswith("<"):
            is_own = name.startswith(_EVALUATION)
            return "" if is_own else f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
