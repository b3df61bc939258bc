"""A side whose float64 answer is noise: it moves by as much as the sides differ when the inputs move by a few units."""

from __future__ import annotations

import numpy as np

from parity.data.dtypes import as_float64
from parity.data.input_variant import InputVariant
from parity.judge import tolerances, variants
from parity.judge.finding import decimal
from parity.judge.rungs.leaf import Leaf


def side(leaf: Leaf) -> tuple[str, str] | None:
    """The side that alone is unsteady, with the evidence; None if there is none.

    Which digits it loses hangs on the kernels of the processor. Elements whose difference comes or goes are set aside: the move
    takes them across a branch.
    """
    changes: list[tuple[float, float]] = []
    for variant in variants.unsteady(leaf.variant):
        change = _changes(leaf, variant)
        if change is None:
            return None
        changes.append(change)
    at = int(np.argmax(changes[0]))
    if any(not change[at] > tolerances.SIDE_RATIO * change[1 - at] for change in changes):
        return None
    ours, theirs = (decimal(max(change[one] for change in changes)) for one in (at, 1 - at))
    name, other = leaf.cache.sides[at], leaf.cache.sides[1 - at]
    told = f"the inputs moved by a few units of float64, the answer of {name} moves by {ours} times the difference"
    return name, f"{told}, that of {other} by {theirs} times"


def _changes(leaf: Leaf, variant: InputVariant) -> tuple[float, float] | None:
    """The largest change of each side by a move, as a share of the largest difference between them; None for a steady leaf."""
    key = ("unsteady", leaf.variant, variant)
    return leaf.for_each(key, lambda one: _measured(one, variant))


def _measured(leaf: Leaf, variant: InputVariant) -> tuple[float, float] | None:
    here, there = leaf.pair("float64", leaf.variant), leaf.pair("float64", variant)
    if here is None or there is None or here[0].shape != there[0].shape or not here[0].size:
        return None
    before, after = _apart(*here), _apart(*there)
    scale = float(before.max())
    stays = np.minimum(before, after) >= tolerances.NOISE_PERSISTS * np.maximum(before, after)
    actual, expected = (float(_apart(*pair).max(initial=0.0, where=stays)) for pair in zip(here, there, strict=True))
    if not max(actual, expected) >= scale / tolerances.UNSTEADY_FACTOR or not scale:
        return None
    return actual / scale, expected / scale


def _apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        apart = np.abs(as_float64(one) - as_float64(other))
    return np.where(np.isfinite(apart), apart, 0.0)
