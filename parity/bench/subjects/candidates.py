"""What a comparison times: both sides eager and compiled, and the frameworks' own functions for the operation."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from parity.bench.subjects.subject import Subject
from parity.execution import backends
from parity.sides import COMPILERS, JAX, SIDES

# All ratios are time / time of the base. The base runs a second time as its own control.
BASE = COMPILERS[JAX]
CONTROL = "A/A"


@dataclass(frozen=True)
class Candidate:
    """One function to time.

    Attributes:
        name: `jax`, `jax.jit`, `torch`, `torch.compile`, or the name of a framework's own function, which is compiled.
        backend: `jax` or `torch`.
        mode: `eager` or `compiled`.
        function: the operation in this framework, called with its own arguments.
    """

    name: str
    backend: str
    mode: str
    function: Callable[..., Any]

    @property
    def adapter(self) -> backends.Backend:
        """The framework's adapter."""
        return backends.get(self.backend)


def candidates(subject: Subject) -> list[Candidate]:
    """All candidates of this subject, in the order of the report."""
    chosen = []
    for backend in SIDES:
        ours = subject.functions[backend]
        chosen += [Candidate(backend, backend, "eager", ours), Candidate(COMPILERS[backend], backend, "compiled", ours)]
        library = importlib.import_module(f"parity.bench.subjects.library.in_{backend}")
        for name, function in library.FUNCTIONS.get(subject.op, {}).items():
            if subject.kind == "forward" or name not in library.FORWARD_ONLY:
                chosen.append(Candidate(name, backend, "compiled", function))
    return chosen
