"""A fixed piece of work, timed in every comparison: by it a result can be set beside one of another day."""

from __future__ import annotations

from parity.bench.timing.clock import Call

YARDSTICK = "yardstick"
SIZE = 256


def yardstick(device: str) -> Call:
    """A matrix product of SIZE × SIZE float32 numbers in PyTorch, which none of our code and no compiler has a part in."""
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
