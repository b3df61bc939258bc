"""Empties the caches of the processor, for times with cold caches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Larger than the last cache of the usual processors; on a GPU, larger than its second-level cache.
BYTES = 256 * 2**20


def evictor(device: str) -> Callable[[], None]:
    """Writes a buffer that no cache can hold."""
    if device == "cuda":
        import torch

        block = torch.empty(BYTES, dtype=torch.uint8, device=device)

        def evict() -> None:
            block.zero_()
            torch.cuda.synchronize()

        return evict
    buffer = np.zeros(BYTES, np.uint8)

    def write() -> None:
        buffer.fill(1)

    return write
