"""A fixed matrix product timed in every comparison, so that results of different days can be compared."""

from __future__ import annotations

from parity.bench.timing.clock import Call

NORMALIZER = "normalizer"
SIZE = 256


def normalizer(device: str) -> Call:
    """A product of two SIZE × SIZE float32 matrices in eager PyTorch: neither our code nor a compiler is part of it."""
    import torch

    from parity.data.inputs import normal

    left, right = (torch.from_numpy(normal((SIZE, SIZE), 0, f"yardstick/{side}")).to(device) for side in "ab")
    out = torch.empty_like(left)

    def call(_: int) -> object:
        torch.mm(left, right, out=out)
        if device == "cuda":
            torch.cuda.synchronize()
        return out

    return call
