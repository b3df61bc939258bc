"""What is to be measured, in words that another process understands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from parity import ops
from parity.bench.results import label
from parity.bench.subjects.candidates import Candidate
from parity.bench.subjects.subject import Subject, of_op, of_pair
from parity.data import named
from parity.sides import COMPILERS


@dataclass(frozen=True)
class Pair:
    """A caller's own two functions.

    Attributes:
        jax, torch: `module:function`.
        inputs: as in `parity.check`.
    """

    jax: str
    torch: str
    inputs: Any


@dataclass(frozen=True)
class Task:
    """One comparison.

    Attributes:
        sizes: axis letter → size; by default those of `parity.bench.subjects.sizes`.
        constants: inputs that are no arrays, in place of those of the operation.
        only_compiled: `jax.jit` and `torch.compile` alone.
        budget_s: seconds that it is timed for at most, in place of those of the settings.
    """

    op: str
    kind: str
    dtype: str
    sizes: Mapping[str, int] | None = None
    constants: Mapping[str, Any] = field(default_factory=dict)
    pair: Pair | None = None
    only_compiled: bool = False
    budget_s: float | None = None

    @property
    def name(self) -> str:
        """The same in every run of the same task."""
        return label(self.op, self.kind, self.dtype, {**(self.sizes or {}), **self.constants})

    def subject(self) -> Subject:
        """Loads what is timed; call it in the worker."""
        if self.pair is None:
            return of_op(ops.load(self.op), self.kind, self.dtype, self.sizes, self.constants)
        functions = [named.function(name, "SELECT") for name in (self.pair.jax, self.pair.torch)]
        return of_pair(self.op, functions[0], functions[1], self.pair.inputs, self.kind, self.dtype)

    def wants(self) -> Callable[[Candidate], bool]:
        """Tells which candidates to time: only the two compiled ones with `only_compiled`."""
        return lambda candidate: not self.only_compiled or candidate.name in COMPILERS.values()
