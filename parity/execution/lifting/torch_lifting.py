"""Lifts a torch function: runs it, forward and backward, under the modes of `torch_modes`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.utils.weak import WeakIdKeyDictionary

from parity.data.dtypes import as_float64
from parity.data.inputs import cotangent
from parity.execution.backends import Call, Cotangent, Evaluation, torch_backend
from parity.execution.lifting import Kind, PinnedStep, PinnedSteps, special
from parity.execution.lifting.finfo import of_callers_dtype
from parity.execution.lifting.torch_modes import LiftedFunctions, LiftedKernels, widened

Arrays = Mapping[str, torch.Tensor]


class TorchLifted:
    """One function. It is not traced: each run lifts anew, so that Python may branch on values."""

    def __init__(self, function: Callable[..., Any], call: Call, wrt: tuple[str, ...]) -> None:
        self.pinned, self.held = PinnedSteps(), set[tuple[str, tuple[int, ...]]]()
        self._function, self._call, self._wrt = function, call, wrt
        self._has_run = False
        self._special: list[tuple[str, tuple[object, ...], torch.Tensor]] = []

    def run(self, arrays: Arrays, cotangent: Cotangent, *, nudged: bool = False) -> Evaluation:
        """Outputs and gradients by name, in float64."""
        pinned = PinnedSteps() if self._has_run else self.pinned  # every run would count them again
        depends = WeakIdKeyDictionary()
        for array in arrays.values():
            if array.is_floating_point() or array.is_complex():
                depends[array] = True

        def wide_cotangent(name: str, shape: tuple[int, ...], is_complex: bool) -> np.ndarray:
            return as_float64(cotangent(name, shape, is_complex))  # of less, it would count as held by the code

        kernels = LiftedKernels(pinned.add, depends, self.held, nudged)
        with _lifted(pinned), kernels, LiftedFunctions(pinned.add, depends, self.held, nudged):
            evaluation = torch_backend.evaluate(self._function, self._call, arrays, self._wrt, wide_cotangent, False)
        self._has_run, self._special = True, kernels.special
        return replace(
            evaluation,
            outputs={name: widened(leaf) for name, leaf in evaluation.outputs.items()},
            gradients={name: widened(leaf) for name, leaf in evaluation.gradients.items()},
        )

    def kernel_errors(self) -> dict[str, float]:
        """Special function → its error in float64 on the values of the latest run."""
        errors: dict[str, float] = {}
        for name, operands, result in self._special:
            arrays = [torch_backend.to_numpy(operand) for operand in operands]
            errors[name] = max(special.error(name, arrays, torch_backend.to_numpy(result)), errors.get(name, 0.0))
        return errors


def lift(function: Callable[..., Any], call: Call, arrays: Arrays, wrt: tuple[str, ...]) -> TorchLifted:
    """`function`, called by `call`. It is run once, since only a run shows what it asks for."""
    lifted = TorchLifted(function, call, wrt)
    lifted.run({name: array.clone() for name, array in arrays.items()}, cotangent)
    return lifted


@contextlib.contextmanager
def _lifted(pinned: PinnedSteps) -> Iterator[None]:
    def seen(place: str) -> None:
        pinned.add(PinnedStep("float32", place, Kind.DEFINED))

    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.compiler.set_stance("force_eager"))
        for module, is_lifted, callers in (
            (torch, lambda dtype: dtype == torch.float64, torch.finfo(torch.float32)),
            (np, lambda dtype: np.dtype(dtype) == np.float64, np.finfo(np.float32)),
        ):
            stack.enter_context(of_callers_dtype(module, is_lifted, callers, seen))
        yield
