"""How a benchmark is run. All of it stands in its report."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

from parity.bench.timing.verdict import MARGIN
from parity.errors import InputError

DEVICES = ("cpu", "cuda")


def processors() -> int:
    """How many this process may use: its affinity, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        threads: for XLA and torch alike.
        budget_s: seconds that a comparison may be timed for.
        precision: it ends before, when each interval is this fraction to either side, at most.
        confidence: of every interval.
        margin: smallest difference worth a word; below it is SAME.
        cold: empty the caches of the processor before each sample.
        timeout_s: seconds that one call may take; a compilation may take five times as long.
        memory_bytes: resident memory of the measuring process at which it is stopped; 0 for no limit.
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
        if self.device not in DEVICES:
            raise InputError(f"device: got {self.device!r}, expected one of {', '.join(DEVICES)}")
        if not self.threads:
            object.__setattr__(self, "threads", processors())
        for name in ("budget_s", "precision", "timeout_s", "margin"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}: got {getattr(self, name)!r}, expected a number above 0")
        if not 0 < self.confidence < 1:
            raise InputError(f"confidence: got {self.confidence!r}, expected a number between 0 and 1, such as 0.99")

    def variables(self) -> dict[str, str]:
        """What a process must be told before it loads a framework."""
        count = str(self.threads)
        found = {"NPROC": count, "OMP_NUM_THREADS": count, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
        return found | ({"JAX_PLATFORMS": "cpu"} if self.device == "cpu" else {})

    def to_dict(self) -> dict[str, Any]:
        told = asdict(self)
        told["cache"] = "cold" if told.pop("cold") else "warm"
        return told | {
            "matmul_precision": "highest",
            "donation": "none",
            "compilers": 'jax.jit; torch.compile(fullgraph=True, dynamic=False, mode="default")',
        }
