"""Values that are not finite where the truth is, counted for each side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from parity.data.dtypes import largest


def lost_elements(value: np.ndarray, truth: np.ndarray, dtype: str) -> int:
    """Elements that are not finite although their true value has a place in `dtype`."""
    return int((~np.isfinite(value) & np.isfinite(truth) & (np.abs(truth) <= largest(dtype))).sum())


def side_with_more(counts: Mapping[str, int]) -> str | None:
    """The side with the larger count; None if both are equal."""
    return max(counts, key=lambda side: counts[side]) if len(set(counts.values())) > 1 else None


def counted(counts: Mapping[str, int], size: int) -> str:
    """Both counts, for a message."""
    return ", ".join(f"{side} {count} of {size}" for side, count in counts.items())
