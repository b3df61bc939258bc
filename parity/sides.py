"""The two frameworks: their names in the API, in reports and in messages. No framework is imported here."""

from __future__ import annotations

JAX = "jax"
TORCH = "torch"
SIDES = (JAX, TORCH)

# How people write them.
LABELS = {JAX: "JAX", TORCH: "PyTorch"}
# What compiles a function on each side.
COMPILERS = {JAX: "jax.jit", TORCH: "torch.compile"}


def other(side: str) -> str:
    """The side that `side` is compared with."""
    return SIDES[1 - SIDES.index(side)]
