"""Random numbers that torch draws from its global generators: the operation, and the line that calls it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from parity.execution.places import innermost


class _Watch(TorchDispatchMode):
    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self.found = found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **(kwargs or {}))
        # Attention carries the tag with dropout 0 too: only what moves a generator draws.
        before = _states()
        result = func(*args, **(kwargs or {}))
        if before != _states():
            name = func.name().removeprefix("aten::").split(".")[0]
            self.found.append(f"torch ({name}) at {innermost(sys._getframe())}")
        return result


def _states() -> list[bytes]:
    states = [torch.get_rng_state()]
    if torch.cuda.is_available():
        states += torch.cuda.get_rng_state_all()
    return [state.numpy().tobytes() for state in states]


@contextlib.contextmanager
def draws() -> Iterator[list[str]]:
    """The draws from torch's global generators in this block, as "torch (operation) at place: source line"."""
    found: list[str] = []
    with _Watch(found):
        yield found
