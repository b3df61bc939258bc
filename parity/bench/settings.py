"""The settings of a benchmark; its report lists them all."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

from parity.bench.timing.verdict import MARGIN
from parity.errors import InputError
from parity.execution.backends import check_device


def processors() -> int:
    """How many processors this process may use: its affinity, on systems that have one."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Settings:
    """How to time, and where.

    Attributes:
        device: `cpu` or `cuda`.
        threads: for XLA and torch alike; 0 for all processors.
        budget_s: seconds of timing for a comparison, at most.
        precision: timing ends earlier when every interval is at most this fraction to either side.
        confidence: of every interval.
        margin: smallest difference to report, as a fraction; below it is SAME.
        cold: empty the processor's caches before each sample.
        timeout_s: seconds that one call may take; a compilation may take five times as long.
        memory_bytes: the measuring process is ended when its resident memory exceeds this; 0 for no limit.

    Raises:
        InputError: a value out of range.
    """

    device: str = "cpu"
    threads: int = 0
    budget_s: float = 5.0
    precision: float = 0.01
    confidence: float = 0.99
    margin: float = MARGIN
    cold: bool = False
    timeout_s: float = 60.0
    memory_bytes: int = 0

    def __post_init__(self) -> None:
        check_device(self.device)
        if not self.threads:
            object.__setattr__(self, "threads", processors())
        for name in ("budget_s", "precision", "timeout_s", "margin"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}: got {getattr(self, name)!r}, expected a number above 0")
        if not 0 < self.confidence < 1:
            raise InputError(f"confidence: got {self.confidence!r}, expected a number between 0 and 1, such as 0.99")

    def variables(self) -> dict[str, str]:
        """Environment variables that have to be set before a process imports a framework."""
        threads = str(self.threads)
        variables = {"NPROC": threads, "OMP_NUM_THREADS": threads, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
        return variables | ({"JAX_PLATFORMS": "cpu"} if self.device == "cpu" else {})

    def to_dict(self) -> dict[str, Any]:
        """`settings` of bench.json."""
        values = asdict(self)
        values["cache"] = "cold" if values.pop("cold") else "warm"
        return values | {
            "matmul_precision": "highest",
            "donation": "none",
            "compilers": 'jax.jit; torch.compile(fullgraph=True, dynamic=False, mode="default")',
        }
