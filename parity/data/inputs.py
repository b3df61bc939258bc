"""The only random numbers of the project: seeded inputs and cotangents.

All values are representable in float32, so that a float64 run and a float32 run see the same numbers, and they are made
in NumPy, so that both frameworks see the same bits.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from parity.data.dtypes import as_float64, is_inexact
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


def complex_normal(shape: tuple[int, ...], seed: int, name: str) -> np.ndarray:
    """Real and imaginary part standard normal, complex64; the real part is `normal` of the same name."""
    values = np.empty(shape, np.complex64)
    values.real, values.imag = normal(shape, seed, name), normal(shape, seed, f"imaginary part of {name}")
    return values


def normal_like(array: np.ndarray, seed: int, name: str) -> np.ndarray:
    """Standard normal values of the shape of `array`, in float64; both parts of them for a complex array, in complex128."""
    if array.dtype.kind == "c":
        return complex_normal(array.shape, seed, name).astype(np.complex128)
    return normal(array.shape, seed, name).astype(np.float64)


def cotangent(name: str, shape: tuple[int, ...], is_complex: bool = False, seed: int = 0) -> np.ndarray:
    """What is pulled back from the output leaf `name`: float32 or complex64, standard normal, the same for both frameworks."""
    return (complex_normal if is_complex else normal)(shape, seed, f"cotangent/{name}")


def jittered(name: str, array: np.ndarray, number: int, size: float) -> np.ndarray:
    """The `number`-th copy of a floating array in which each value moves by about the fraction `size` of itself.

    In an array of zeros each value moves by about `size`, so that zeros hide nothing. A complex value moves in any direction:
    a real one gets an imaginary part.
    """
    if not is_inexact(array.dtype):
        return array
    wide = as_float64(array)
    noise = size * normal_like(array, number, f"jitter/{name}")
    with np.errstate(all="ignore"):
        return wide * (1.0 + noise) if wide.any() else wide + noise


def permutation(size: int, seed: int, name: str) -> np.ndarray:
    """The numbers 0 … size - 1 in a random order."""
    return _generator(seed, name).permutation(size)


REGIMES: dict[str, str] = {
    "unit": "the values as they are",
    "tiny": "times 1e-3",
    "wide": "each times a power of ten from -3 to 3",
    "offset": "plus 100",
    "ties": "rounded to multiples of 1/2",
    "saturating": "times 1e3",
    "subnormal": "times 1e-39",
    "infinite": "one element of each input is infinite",
    "nan": "one element of each input is NaN",
}


def in_regime(name: str, array: np.ndarray, regime: str) -> np.ndarray:
    """A floating array, or both parts of a complex one, moved into a regime of `REGIMES`; 64 bits, as float32 holds them."""
    if regime == "unit" or not is_inexact(array.dtype):
        return array
    if array.dtype.kind == "c":
        parts = np.array(array, np.complex128, order="C")[..., np.newaxis].view(np.float64)
        return in_regime(name, parts, regime).view(np.complex128)[..., 0]
    changed = array.astype(np.float64)
    if regime in ("tiny", "saturating", "subnormal"):
        changed = changed * {"tiny": 1e-3, "saturating": 1e3, "subnormal": 1e-39}[regime]
    elif regime == "wide":
        changed = changed * 10.0 ** _generator(0, f"wide/{name}").uniform(-3, 3, array.shape)
    elif regime == "offset":
        changed = changed + 100.0
    elif regime == "ties":
        changed = np.round(changed * 2) / 2
    elif array.size:
        changed.flat[array.size // 2] = np.inf if regime == "infinite" else np.nan
    with np.errstate(all="ignore"):
        return changed.astype(np.float32).astype(np.float64)
