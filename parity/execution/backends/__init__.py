"""One adapter a framework, imported when it is used. `get` is the only way to one."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from parity.errors import InputError, MissingBackendError
from parity.sides import SIDES

NAMES = SIDES
MODES = ("eager", "compiled")
# Calls a function on named arrays: puts them in the place that the function expects them.
Call = Callable[[Callable[..., Any], Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Evaluation:
    """What one call gave, as the framework's own arrays by name."""

    outputs: Mapping[str, Any]
    gradients: Mapping[str, Any]


class Backend(Protocol):
    """What an adapter module offers. Names of leaves are those of `parity.data.tree`."""

    def settings(self, dtype: str) -> AbstractContextManager[None]:
        """The precision settings of a run in `dtype`: highest matmul precision, no TF32, 64-bit defaults for float64."""

    def from_numpy(self, array: np.ndarray) -> Any:
        """A copy as the framework's array, of the same dtype, bit for bit."""

    def to_numpy(self, value: Any) -> np.ndarray:
        """A NumPy copy of an array or number, of the same dtype, bit for bit, complete when it returns."""

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`jax.jit` or `torch.compile(fullgraph=True)`; calling it raises when no compiled code ran."""

    def wait(self, output: Any) -> Any:
        """`output`, once all of it has been computed."""

    def evaluate(
        self,
        function: Callable[..., Any],
        call: Call,
        arrays: Mapping[str, Any],
        wrt: tuple[str, ...],
        cotangent: Callable[[str, tuple[int, ...]], np.ndarray],
        compiled: bool,
    ) -> Evaluation:
        """Gives `function` and `arrays` to `call`; pulls `cotangent(name, shape)` of each floating output back to `wrt`.

        There are gradients only if some output is floating; an input that none depends on has zeros.
        """

    def environment(self) -> dict[str, Any]:
        """Version, devices, threads and precision settings, for the report."""


def get(name: str) -> Backend:
    """The adapter called `name`.

    Raises:
        InputError: no such framework.
        MissingBackendError: the framework is not installed; the message says how to install it.
    """
    if name not in NAMES:
        raise InputError(f"backend: got {name!r}, expected one of {', '.join(NAMES)}")
    if importlib.util.find_spec(name) is None:
        raise MissingBackendError(f'backend: {name} is not installed; install it with: pip install "parity[{name}]"')
    return importlib.import_module(f"{__name__}.{name}_backend")
