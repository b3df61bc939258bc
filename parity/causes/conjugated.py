"""Leaves that are the conjugate of what the other side gives, seen in the values alone: no program is needed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from parity.causes.goal import leaf_error
from parity.causes.hypothesis import Claim
from parity.causes.tracing import AGAIN, leaves_of
from parity.data.input_variant import GIVEN
from parity.execution.run_cache import RunCache
from parity.judge.finding import Cause
from parity.judge.tolerances import CAUSE_FLOOR
from parity.sides import SIDES


def whole(cache: RunCache, failing: tuple[str, ...]) -> Iterator[Claim]:
    """A complex output, or the gradient of a complex input, that is conjugated as a whole, on the given inputs and on others."""
    found: dict[str, float] = {}
    for variant in (GIVEN, AGAIN):
        one, other = (leaves_of(cache, side, variant) for side in SIDES)
        for name in failing:
            ours, theirs = one.get(name), other.get(name)
            error = np.inf
            if ours is not None and theirs is not None and ours.dtype.kind == theirs.dtype.kind == "c":
                error = leaf_error(ours, theirs.conj())
            found[name] = max(found.get(name, 0.0), error)
    for name, error in found.items():
        if error <= CAUSE_FLOOR:
            evidence = (
                f"{name} of one side is the conjugate of the other's: they differ by {error:.2g} with one conjugated"
            )
            yield Claim(Cause("conjugate", evidence), (name,), 1.0)
