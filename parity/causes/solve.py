"""Finds the number with which an edited program gives what the other side gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from parity.causes.constants import close

STEPS = 9
POLISH = 3  # further steps once a number fits
WORTH = 0.7  # a first step that leaves more of the difference than this is not followed


def solve(residual: Callable[[float], np.ndarray | None], start: float, base: np.ndarray, floor: float) -> float | None:
    """Gauss-Newton in one variable with secants.

    Args:
        residual: number → scaled differences of all elements, or None where it has none.
        start: where the search starts.
        base: `residual(start)`.
        floor: largest difference that counts as none.

    Returns:
        The number, or None if there is none near.
    """
    best, best_residual = start, base
    step = 1e-5 * abs(start) if start else 1e-7
    moved = residual(start + step)
    if moved is None:
        return None
    slope = (moved - base) / step
    for step_number in range(STEPS):
        square = float(slope @ slope)
        if not square or not np.isfinite(square):
            return None
        proposal = best - float(slope @ best_residual) / square
        number, number_residual = _damped(residual, best, proposal, best_residual)
        if number_residual is None:
            return None
        if float(np.abs(number_residual).max()) <= floor:
            return _polished(residual, number, number_residual, slope)
        before, after = float(np.linalg.norm(best_residual)), float(np.linalg.norm(number_residual))
        if after > (WORTH if step_number == 0 else 0.9) * before:
            return None
        if number != best:
            slope = (number_residual - best_residual) / (number - best)
        best, best_residual = number, number_residual
    return None


def _polished(
    residual: Callable[[float], np.ndarray | None], number: float, at_number: np.ndarray, slope: np.ndarray
) -> float:
    """The number to its last digits: a right edit leaves rounding alone, which tells it from one that only nearly fits."""
    for _ in range(POLISH):
        proposal = number - float(slope @ at_number) / float(slope @ slope)
        proposed = residual(proposal)
        if proposed is None or float(np.linalg.norm(proposed)) >= float(np.linalg.norm(at_number)):
            break
        number, at_number = proposal, proposed
    return number


def _damped(
    residual: Callable[[float], np.ndarray | None], best: float, proposal: float, base: np.ndarray
) -> tuple[float, np.ndarray | None]:
    """The proposal, or a point nearer to `best`, at which the residual is smaller."""
    before = float(np.linalg.norm(base))
    for _ in range(4):
        proposed = residual(proposal)
        if proposed is not None and float(np.linalg.norm(proposed)) < before:
            return proposal, proposed
        proposal = best + (proposal - best) / 4
    return proposal, None


def nice(value: float) -> float:
    """The number of few digits that `value` is as far as a solver can tell (0 for what is next to it), else `value`."""
    if abs(value) < 1e-13:
        return 0.0
    for digits in range(1, 6):
        rounded = float(f"{value:.{digits}g}")
        if close(rounded, value):
            return rounded
    return value
