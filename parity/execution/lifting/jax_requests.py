"""Runs JAX code so that a request for a low precision gives float64: `astype(jnp.float32)`, `dtype=jnp.bfloat16`.

Rests on a private function of JAX. Without it nothing is intercepted, and `jax_interpreter` alone lifts the traced program:
constants are then rounded to float32 where the code says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax._src import dtypes as private

from parity.execution.lifting import LOW_DTYPES, Kind, PinnedStep
from parity.execution.lifting.place import caller

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
    dtypes = {scalar: scalar.dtype for scalar in _SCALARS}
    # Traces are cached for each setting: this one means what "highest" does, and keeps lifted traces apart from the others.
    with jax.default_matmul_precision("float32"), _hooked(wide):
        for scalar in _SCALARS:
            scalar.dtype = wide(scalar.dtype)
        try:
            yield
        finally:
            for scalar, dtype in dtypes.items():
                scalar.dtype = dtype


@contextlib.contextmanager
def seen_requests(note: Callable[[PinnedStep], None]) -> Iterator[None]:
    """`note` is called with each request for a low precision in a trace in this block, as with a table."""

    def see(dtype: np.dtype) -> np.dtype:
        note(PinnedStep(dtype.name, caller(), Kind.MADE))
        return dtype

    with _hooked(see):
        yield


@contextlib.contextmanager
def _hooked(answer: Callable[[np.dtype], np.dtype]) -> Iterator[None]:
    """Requests for a low precision get `answer`; without the hook they are not seen."""
    original = getattr(private, HOOK, None)
    if original is None:
        yield
        return

    def canonicalize(dtype: Any, *args: Any, **kwargs: Any) -> Any:
        found = original(dtype, *args, **kwargs)
        return answer(np.dtype(found)) if getattr(found, "name", "") in LOW_DTYPES else found

    setattr(private, HOOK, canonicalize)
    try:
        yield
    finally:
        setattr(private, HOOK, original)
