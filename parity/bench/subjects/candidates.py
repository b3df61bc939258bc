"""Who runs in a comparison: both sides eager and compiled, the frameworks' own best, and further functions of the caller."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from parity.bench.subjects.subject import Subject
from parity.execution import backends

# What the ratios are to, and what runs a second time as its own control.
BASE = "jax.jit"
COMPILED = {"jax": BASE, "torch": "torch.compile"}
CONTROL = "A/A"


@dataclass(frozen=True)
class Candidate:
    """
    Attributes:
        name: `jax`, `jax.jit`, `torch`, `torch.compile`, or that of a function of a framework, which is compiled.
        function: the operation in this framework, on its own arguments.
    """

    name: str
    backend: str
    mode: str
    function: Callable[..., Any]

    @property
    def adapter(self) -> backends.Backend:
        return backends.get(self.backend)

    @property
    def room(self) -> ModuleType:
        """The module that makes programs of this framework."""
        return importlib.import_module(f"parity.bench.subjects.in_{self.backend}")


def candidates(subject: Subject) -> list[Candidate]:
    """All that there are for this subject, in the order in which they are shown."""
    found = []
    for backend in backends.NAMES:
        ours = subject.functions[backend]
        found += [Candidate(backend, backend, "eager", ours), Candidate(COMPILED[backend], backend, "compiled", ours)]
        library = importlib.import_module(f"parity.bench.subjects.library.in_{backend}")
        for name, function in library.FUNCTIONS.get(subject.op, {}).items():
            if subject.kind == "forward" or name not in library.FORWARD_ONLY:
                found.append(Candidate(name, backend, "compiled", function))
    return found
