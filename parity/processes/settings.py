"""What must be settled before a framework is imported: where compiled code is cached, and how many threads there are."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from pathlib import Path

from parity.sides import JAX, TORCH

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>


def use_compilation_caches() -> Path:
    """Points both frameworks at `.cache/parity` (or `$PARITY_CACHE_DIR`), so that a second run compiles nothing again.

    What the environment already says is left as it is.
    """
    root = Path(os.environ.get("PARITY_CACHE_DIR", ".cache/parity")).absolute()
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(root / JAX))
    # JAX's default of one second would leave out every small kernel.
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(root / TORCH))
    return root


def use_threads(count: int) -> None:
    """The same number of threads for XLA (`NPROC`) and torch (`OMP_NUM_THREADS`), unless the environment says another.

    Small problems are slower on several threads, and much slower when the machine has other work: one training step on
    the digits took 1.3 ms on one thread and 48 ms on two, on two busy cores.
    """
    os.environ.setdefault("NPROC", str(count))
    os.environ.setdefault("OMP_NUM_THREADS", str(count))


def end_with_parent() -> None:
    """This process is killed when the one that started it ends in whatever way (Linux; elsewhere nothing happens)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
