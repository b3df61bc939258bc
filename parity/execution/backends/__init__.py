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
DEVICES = ("cpu", "cuda")
# Of float32 products: the best there is, or what the process is set to (TF32, bfloat16, a TPU's default).
HIGHEST, CALLERS = PRECISIONS = ("highest", "caller")
# Calls a function on named arrays: puts them in the place that the function expects them.
Call = Callable[[Callable[..., Any], Mapping[str, Any]], Any]
# Gives the cotangent of the output leaf with this name and shape, complex or not, as a NumPy array.
Cotangent = Callable[[str, tuple[int, ...], bool], np.ndarray]


@dataclass(frozen=True)
class Evaluation:
    """What one call gave, as the framework's own arrays by name.

    Attributes:
        inner: the place at which the function differentiates by itself, where that hides anything; empty otherwise.
        is_held: what it differentiates inside is a constant to the gradients.
    """

    outputs: dict[str, Any]
    gradients: dict[str, Any]
    inner: str = ""
    is_held: bool = False


class Backend(Protocol):
    """What an adapter module offers. Names of leaves are those of `parity.data.tree`, devices those of `DEVICES`.

    Later needs have their place here as well: evaluation with every step in float64 (a second `evaluate`), the values of
    intermediate steps and the state of a model (further parts of an `Evaluation`).
    """

    # jax.jit makes a tracer of every argument: a constant, such as a number of heads, has to stay outside.
    TRACES_CONSTANTS: bool
    # Gradients of a real loss to a complex x + iy are ∂L/∂x + i∂L/∂y; without, they are ∂L/∂x − i∂L/∂y.
    CONJUGATES_GRADIENTS: bool

    def settings(self, dtype: str, device: str = "cpu", precision: str = HIGHEST) -> AbstractContextManager[None]:
        """A run in `dtype`: highest matmul precision, no TF32, 64-bit defaults for float64; new arrays go to `device`.

        Args:
            precision: one of `PRECISIONS`. With "caller" a run below float64 has the matmul precision of the process.
        """

    def find_device(self, device: str) -> Any:
        """The framework's first device of this kind; InputError if it sees none."""

    def from_numpy(self, array: np.ndarray, device: str = "cpu") -> Any:
        """A copy as the framework's array on this device, of the same dtype, bit for bit."""

    def to_numpy(self, value: Any) -> np.ndarray:
        """A NumPy copy of an array or number, of the same dtype, bit for bit, complete when it returns."""

    def leaves(self, tree: Any) -> dict[str, Any]:
        """The leaves of an output by name: `out`, `out/loss`."""

    def is_inexact(self, leaf: Any) -> bool:
        """Is it an array of real or complex floating-point numbers of this framework?"""

    def evaluate(
        self,
        function: Callable[..., Any],
        call: Call,
        arrays: Mapping[str, Any],
        wrt: tuple[str, ...],
        cotangent: Cotangent,
        compiled: bool,
    ) -> Evaluation:
        """Gives `function` and `arrays` to `call`; pulls the cotangent of each inexact output back to `wrt`.

        Gradients are those of the one real loss Re Σ cotangent · output, in the framework's own convention. There are gradients
        only if some output is inexact; an input that none depends on has zeros.
        """

    def with_gradient(
        self, forward: Callable[..., Any], arrays: Mapping[str, Any], wrt: tuple[str, ...], compiled: bool
    ) -> tuple[Callable[[Any], Any], Any]:
        """(arrays, cotangents) by name → outputs and gradients by name, as one program; and the cotangents for `arrays`.

        Args:
            forward: arrays by name → outputs by name.
            compiled: the function will be compiled; else gradients are taken as they usually are without a compiler.
        """

    def compile(self, function: Callable[..., Any], *, fresh: bool = True) -> Callable[..., Any]:
        """`jax.jit` or `torch.compile(fullgraph=True, dynamic=False)`; the first call raises when no compiled code ran.

        Args:
            fresh: forget everything compiled before, so that no limit on recompilations is met.
        """

    def fresh_compiler(self) -> AbstractContextManager[None]:
        """Nothing compiled before is found in memory, and a function that would run uncompiled raises."""

    def count_compilations(self) -> AbstractContextManager[Callable[[], int]]:
        """Gives a function: how many programs were compiled since the block began, those from the disk cache too."""

    def count_disk_cache(self) -> AbstractContextManager[Callable[[], tuple[int, int]]]:
        """Gives a function: programs read from the cache on disk (hits), and made instead (misses), since the block began."""

    def graph_breaks(self) -> int:
        """Places at which a compiled function was given back to Python since `fresh_compiler`."""

    def draws(self) -> AbstractContextManager[list[str]]:
        """Gives a list: the calls that draw from the framework's global generators in this block, with their source lines."""

    def wait(self, output: Any) -> Any:
        """`output`, once all of it has been computed."""

    def environment(self, device: str = "cpu", precision: str = HIGHEST) -> dict[str, Any]:
        """Version, devices, threads and precision settings below float64, for the report."""


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


def check_device(device: str) -> None:
    """Raises InputError for a device that is none of `DEVICES`."""
    if device not in DEVICES:
        raise InputError(f"device: got {device!r}, expected one of {', '.join(DEVICES)}")


def no_device(device: str, name: str, reason: object) -> InputError:
    """The error of a framework that does not see a device."""
    first = (str(reason).strip().splitlines() or [""])[0]
    return InputError(
        f"device: got {device!r}, but {name} sees none ({first}); install its build for it, or use device cpu"
    )
