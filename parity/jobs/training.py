"""Trains one side: the same parameters and batches in, losses and the last parameters out, as NumPy arrays."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optree

from parity.data.dtypes import cast
from parity.execution import backends


@dataclass(frozen=True)
class Trajectory:
    """One side's training.

    Attributes:
        losses: the loss before each step, float64.
        params: the parameters after the last step, in the dtype of the run.
        first_s: seconds of the first step, compilation included.
        steps_s: seconds of all other steps together.
    """

    losses: np.ndarray
    params: Any
    first_s: float
    steps_s: float


def train(
    step: Callable[..., Any],
    params: Any,
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    *,
    backend: str,
    dtype: str,
    on_step: Callable[[], None] = lambda: None,
) -> Trajectory:
    """Runs `step(params, x, y) -> (params, loss)`, compiled, over `batches`."""
    adapter = backends.get(backend)

    def convert(array: np.ndarray) -> Any:
        return adapter.from_numpy(cast(array, dtype))

    with adapter.settings(dtype):
        compiled = adapter.compile(step)
        state = optree.tree_map(convert, params)
        losses, seconds = [], []
        for x, y in batches:
            start = time.perf_counter()
            state, loss = compiled(state, convert(x), convert(y))
            losses.append(float(adapter.to_numpy(loss)))
            seconds.append(time.perf_counter() - start)
            on_step()
        return Trajectory(
            np.array(losses), optree.tree_map(adapter.to_numpy, state), seconds[0], float(np.sum(seconds[1:]))
        )


def predict(logits: Callable[..., Any], params: Any, x: np.ndarray, *, backend: str, dtype: str) -> np.ndarray:
    """`logits(params, x)` as a NumPy array."""
    adapter = backends.get(backend)
    with adapter.settings(dtype):
        state = optree.tree_map(lambda array: adapter.from_numpy(cast(array, dtype)), params)
        return adapter.to_numpy(logits(state, adapter.from_numpy(cast(x, dtype))))


def moved_by_one_ulp(params: Any) -> Any:
    """Every float64 parameter replaced by the next larger number: the smallest change that there is."""
    return optree.tree_map(lambda array: np.nextafter(array.astype(np.float64), np.inf), params)
