"""From the arguments of `parity bench` to a plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from parity.bench.plan import Bench, planned
from parity.bench.settings import Settings
from parity.bench.subjects.subject import KINDS
from parity.bench.supervision.task import Pair, Task
from parity.data import named
from parity.data.dtypes import FLOATS
from parity.errors import InputError


def plan(
    select: Sequence[str],
    dtypes: Sequence[str],
    inputs: Sequence[str],
    stored: Path | None,
    settings: Settings,
    *,
    scaling: bool,
    phases: bool,
) -> Bench:
    """A plan for built-in operations, or for the caller's own two functions on the given inputs.

    Raises:
        InputError: an unknown dtype or function, or inputs that do not fit the selection.
    """
    for dtype in dtypes:
        if dtype not in FLOATS:
            raise InputError(f"--dtype: got {dtype!r}, expected some of {', '.join(FLOATS)}")
    if not any(":" in name for name in select):
        if inputs or stored:
            raise InputError("--input, --stored: only for your own pair of functions; name both functions as SELECT")
        return planned(select, dtypes, settings, sweeps=scaling, with_phases=phases)
    if len(select) != 2:
        raise InputError(
            f"SELECT: got {' '.join(select)}, expected two functions, module:jax_function module:torch_function"
        )
    jax, torch = select
    for name in select:
        named.function(name, "SELECT")
    pair = Pair(jax, torch, named.arrays(inputs, stored, 0))
    name = f"{jax} against {torch}"
    return Bench(settings, [Task(name, kind, dtype, pair=pair) for dtype in dtypes for kind in KINDS])
