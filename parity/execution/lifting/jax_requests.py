"""Runs JAX code so that a request for a low precision gives float64: `astype(jnp.float32)`, `dtype=jnp.bfloat16`.

Rests on a private function of JAX. Without it nothing is intercepted, and `jax_interpreter` alone lifts the traced program:
constants are then rounded to float32 where the code says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax._src import dtypes as private

from parity.execution.lifting import LOW_DTYPES

HOOK = "_maybe_canonicalize_explicit_dtype"
_SCALARS = (jnp.float32, jnp.float16, jnp.bfloat16, jnp.complex64)


def wide(dtype: Any) -> np.dtype:
    """float64 or complex128 for a low precision, other dtypes as they are."""
    dtype = np.dtype(dtype)
    if dtype.name not in LOW_DTYPES:
        return dtype
    return np.dtype(np.complex128 if dtype.kind == "c" else np.float64)


@contextlib.contextmanager
def lifted_requests() -> Iterator[None]:
    """A trace in this block sees float64 where the code asks for less."""
    original = getattr(private, HOOK, None)
    if original is None:
        yield
        return
    dtypes = {scalar: scalar.dtype for scalar in _SCALARS}

    def canonicalize(dtype: Any, *args: Any, **kwargs: Any) -> Any:
        found = original(dtype, *args, **kwargs)
        return wide(found) if getattr(found, "name", "") in LOW_DTYPES else found

    # Traces are cached for each setting: this one means what "highest" does, and keeps lifted traces apart from the others.
    with jax.default_matmul_precision("float32"):
        setattr(private, HOOK, canonicalize)
        for scalar in _SCALARS:
            scalar.dtype = wide(scalar.dtype)
        try:
            yield
        finally:
            setattr(private, HOOK, original)
            for scalar, dtype in dtypes.items():
                scalar.dtype = dtype
