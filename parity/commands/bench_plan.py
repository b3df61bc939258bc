"""What the words of `parity bench` select."""

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
    """Built-in operations, or a pair of the caller's own functions on the inputs that are given."""
    for dtype in dtypes:
        if dtype not in FLOATS:
            raise InputError(f"--dtype: got {dtype!r}, expected some of {', '.join(FLOATS)}")
    if not any(":" in name for name in select):
        if inputs or stored:
            raise InputError("--input, --stored: these are for your own pair of functions; name it as SELECT")
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
