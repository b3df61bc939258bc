"""Outputs that a function defines only up to the sign of each of their vectors: eigenvectors, factors of QR and SVD, PCA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from parity.data.dtypes import is_floating
from parity.data.leaf import Kind
from parity.errors import InputError

COLUMNS, ROWS = "sign", "sign of rows"
# Kind → the axis along which a vector lies, and what one is called.
_AXES = {COLUMNS: (-2, "columns"), ROWS: (-1, "rows")}
KINDS = tuple(_AXES)


@dataclass(frozen=True)
class Gauge:
    """Which outputs are defined up to signs, and the values whose signs they take.

    Attributes:
        kinds: name of an output, or the beginning of one ("out" of "out/0") → one of `KINDS`.
        frame: leaf → the array to align with. One that is missing leaves the leaf as it is.
    """

    kinds: Mapping[str, str] = field(default_factory=dict)
    frame: Mapping[str, Any] = field(default_factory=dict)

    def kind(self, leaf: str) -> str:
        """The kind of this leaf, by the longest name that fits; empty if it is compared as it is."""
        fitting = [name for name in self.kinds if leaf == name or leaf.startswith(f"{name}/")]
        return self.kinds[max(fitting, key=len)] if fitting else ""

    def signs(self, leaf: str, value: Any) -> np.ndarray | None:
        """1 or -1 for each vector of `value` (float32, broadcast against it), so that none points away from the frame's.

        None for a leaf that is compared as it is. A vector that is orthogonal to the frame's, or not finite, has 1.
        """
        kind = self.kind(leaf)
        if not kind or not isinstance(value, np.ndarray) or not is_floating(value.dtype):
            return None
        axis = max(_AXES[kind][0], -value.ndim)
        like = self.frame.get(leaf)
        if not isinstance(like, np.ndarray) or like.shape != value.shape or not is_floating(like.dtype):
            like = value
        with np.errstate(all="ignore"):
            products = value.astype(np.float64) * like.astype(np.float64)
            inner = products.sum(axis, keepdims=True) if value.ndim else products
        return np.where(inner < 0, np.float32(-1), np.float32(1))

    def aligned(self, leaf: str, value: Any) -> Any:
        """`value` with the signs of the frame; of the same dtype."""
        signs = self.signs(leaf, value)
        return value if signs is None else value * signs.astype(value.dtype)

    def told(self, leaf: str, one: np.ndarray | None, other: np.ndarray | None) -> str:
        """`the sign of 3 of 5 columns`, from the signs of two sides; empty where they are the same."""
        if one is None or other is None or one.shape != other.shape or not (one != other).any():
            return ""
        return f"the sign of {int((one != other).sum())} of {one.size} {_AXES[self.kind(leaf)][1]}"


NO_GAUGE = Gauge()


def parse(up_to: Any) -> dict[str, str]:
    """Checks the form of `up_to`; which leaves there are is known after a run.

    Raises:
        InputError: no mapping, a name that is not an output's, or an unknown kind.
    """
    if not isinstance(up_to, Mapping):
        kind = type(up_to).__name__
        raise InputError(f'up_to: got {kind}, expected a mapping of outputs to kinds, such as {{"out": "{COLUMNS}"}}')
    for name, kind in up_to.items():
        if not isinstance(name, str) or name.partition("/")[0] != Kind.OUTPUT:
            raise InputError(f'up_to: got {name!r}, expected the name of an output, such as "out" or "out/0"')
        if kind not in KINDS:
            raise InputError(f"up_to: got {kind!r} for {name}, expected {' or '.join(map(repr, KINDS))}")
    return dict(up_to)


def check_leaves(up_to: Mapping[str, str], outputs: Mapping[str, Any]) -> None:
    """Raises InputError for a name in `up_to` that no output with real floating numbers has."""
    floating = [n for n, leaf in outputs.items() if isinstance(leaf, np.ndarray) and is_floating(leaf.dtype)]
    for name in up_to:
        if not any(leaf == name or leaf.startswith(f"{name}/") for leaf in floating):
            there = ", ".join(floating) or "none"
            raise InputError(f"up_to: got {name!r}, which is no output of real floating numbers; there are: {there}")
