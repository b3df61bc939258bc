"""A candidate made ready, run once on the first set of values, and looked at again when it has been timed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity.bench.subjects.candidates import Candidate
from parity.bench.subjects.gate import units_off
from parity.bench.subjects.prepared import Prepared, prepare
from parity.bench.subjects.subject import Subject
from parity.data.dtypes import cast
from parity.execution import backends
from parity.judge import tolerances


@dataclass(frozen=True)
class Entry:
    """A candidate that is ready.

    Attributes:
        first: what it gave on the first set of values, by name.
        compilations: programs that were made for it.
    """

    candidate: Candidate
    prepared: Prepared
    first: Mapping[str, np.ndarray]
    compilations: int

    def call(self, number: int) -> Any:
        """Runs on the number-th set of values and waits for its own output."""
        return self.candidate.adapter.wait(self.prepared.call(number))

    def changed(self, dtype: str) -> str:
        """Whether another call on the first set of values gives another result than the first; empty if not."""
        again = results(self.candidate, self.prepared)
        for name, value in self.first.items():
            if again[name].shape != value.shape:
                return f"its result changes between calls: {name} had shape {value.shape}, then {again[name].shape}"
            # A sum over several threads may be rounded in another order, so that the last digit is not fixed.
            error = units_off(again[name], value, dtype)
            if not error <= tolerances.FAR_UNITS:
                return f"its result changes between calls: {name} differs by {error:.3g} units of {dtype} on the same inputs"
        return ""


def ready(candidate: Candidate, subject: Subject, device: str, compilations: Callable[[], int]) -> Entry:
    """Compiles, where the candidate is compiled, and runs once. Whatever the function raises passes through."""
    before = compilations()
    variants = [{name: cast(array, subject.dtype) for name, array in values.items()} for values in subject.variants]
    prepared = prepare(
        candidate.adapter, candidate.function, subject.arguments, subject.kind, candidate.mode, variants, device
    )
    return Entry(candidate, prepared, results(candidate, prepared), compilations() - before)


def results(candidate: Candidate, prepared: Prepared) -> dict[str, np.ndarray]:
    """What the program gives on the first set of values, by name."""
    adapter = candidate.adapter
    leaves = prepared.leaves(adapter.wait(prepared.call(0)))
    return {
        name: adapter.to_numpy(leaf) for name, leaf in leaves.items() if leaf is not None and not isinstance(leaf, str)
    }


@contextlib.contextmanager
def frameworks(dtype: str, device: str = "cpu") -> Iterator[Mapping[str, Callable[[], int]]]:
    """The precision settings of both frameworks, nothing compiled in memory; gives backend → count of compilations."""
    adapters = {name: backends.get(name) for name in backends.NAMES}
    with contextlib.ExitStack() as stack:
        for adapter in adapters.values():
            stack.enter_context(adapter.settings(dtype, device))
            stack.enter_context(adapter.fresh_compiler())
        yield {name: stack.enter_context(adapter.count_compilations()) for name, adapter in adapters.items()}
