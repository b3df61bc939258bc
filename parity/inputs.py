"""The only random numbers of the project: seeded inputs and cotangents.

All values are representable in float32, so that a float64 run and a float32 run see the same numbers, and they are made
in NumPy, so that both frameworks see the same bits.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from parity.spec import Array, Op


def _generator(seed: int, name: str) -> np.random.Generator:
    # One stream a name: adding an argument does not change the values of the others.
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def normal(shape: tuple[int, ...], seed: int, name: str) -> np.ndarray:
    """Standard normal values, float32."""
    return _generator(seed, name).standard_normal(shape, dtype=np.float32)


def seeded_inputs(op: Op, sizes: Mapping[str, int], seed: int = 0) -> dict[str, Any]:
    """Keyword inputs for `op`: float32 arrays (int64 where the spec says `below`), constants as they are."""

    def draw(spec: Any, name: str) -> Any:
        if isinstance(spec, Mapping):
            return {key: draw(part, f"{name}/{key}") for key, part in spec.items()}
        if isinstance(spec, str):
            spec = Array(spec)
        if not isinstance(spec, Array):
            return spec
        shape = spec.shape(sizes)
        if spec.below is not None:
            return _generator(seed, name).integers(0, sizes[spec.below], shape)
        return normal(shape, seed, name) * np.float32(spec.scale)

    return {name: draw(spec, name) for name, spec in op.inputs.items()}


def cotangent(name: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """What is pulled back from the output leaf `name`: float32, standard normal, the same for both frameworks."""
    return normal(shape, seed, f"cotangent/{name}")


def jittered(name: str, array: np.ndarray, number: int, size: float) -> np.ndarray:
    """The `number`-th copy of a floating array in which each value is changed by about the fraction `size` of itself."""
    if array.dtype.kind not in "fc" and array.dtype.name != "bfloat16":
        return array
    noise = normal(array.shape, number, f"jitter/{name}").astype(np.float64)
    with np.errstate(all="ignore"):
        return (array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)) * (1.0 + size * noise)


def permutation(size: int, seed: int, name: str) -> np.ndarray:
    """The numbers 0 … size - 1 in a random order."""
    return _generator(seed, name).permutation(size)
