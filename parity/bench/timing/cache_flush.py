"""Empties the processor's caches, for times with cold caches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Larger than the last-level cache of common processors and the second-level cache of GPUs.
BYTES = 256 * 2**20


def cache_flush(device: str) -> Callable[[], None]:
    """A function that overwrites a buffer larger than any cache and returns when that is done."""
    if device == "cuda":
        import torch

        block = torch.empty(BYTES, dtype=torch.uint8, device=device)

        def flush() -> None:
            block.zero_()
            torch.cuda.synchronize()

        return flush
    buffer = np.zeros(BYTES, np.uint8)
    return lambda: buffer.fill(1)
