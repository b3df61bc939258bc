"""Conventions of the frameworks that are aligned, so that all that looks at a run sees one of them."""

from __future__ import annotations

import numpy as np

from parity.data.leaf import LeafName
from parity.execution.backends import Backend


def aligned(adapter: Backend, name: str, leaf: np.ndarray) -> np.ndarray:
    """The leaf of a run as JAX would give it: where a framework conjugates gradients of complex inputs, conjugated back."""
    turns = adapter.CONJUGATES_GRADIENTS and LeafName(name).is_gradient and leaf.dtype.kind == "c"
    return np.asarray(leaf.conj()) if turns else leaf
