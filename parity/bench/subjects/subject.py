"""What a comparison is about: two functions on inputs of given sizes, forward or with the gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from parity.bench.subjects.sizes import bench_sizes
from parity.data.arguments import Arguments, parse
from parity.data.inputs import jittered, seeded_inputs
from parity.errors import InputError
from parity.sides import JAX, SIDES, TORCH
from parity.spec import Op

KINDS = ("forward", "gradient")
# Calls rotate through this many sets of values, so that no result can be reused.
VARIANTS = 4
# Relative change of a caller's own inputs for the other sets: small, so that they keep their meaning.
MOVE = 2.0**-10


@dataclass(frozen=True)
class Subject:
    """Two functions and their inputs.

    Attributes:
        op: name of the operation, or of the caller's pair.
        kind: `forward`, or `gradient` for outputs and gradients to `arguments.wrt` in one call.
        functions: backend → function; both have one signature.
        arguments: the inputs as given.
        variants: sets of values for the arrays in `arguments`, by name; the first holds the given values.
        reference: the same function in NumPy, if there is one.
        sizes: axis letter → size; None for a caller's own pair.
    """

    op: str
    kind: str
    dtype: str
    functions: Mapping[str, Callable[..., Any]]
    arguments: Arguments
    variants: tuple[Mapping[str, np.ndarray], ...]
    reference: Callable[..., Any] | None = None
    sizes: Mapping[str, int] | None = None


def kinds(op: Op) -> tuple[str, ...]:
    """The kinds that an operation has: `forward` alone if it computes its own gradient."""
    return KINDS if op.wrt else KINDS[:1]


def of_op(
    op: Op,
    kind: str,
    dtype: str,
    sizes: Mapping[str, int] | None = None,
    constants: Mapping[str, Any] | None = None,
    backends: Sequence[str] = SIDES,
) -> Subject:
    """A built-in operation, by default at the sizes of `parity.bench.subjects.sizes`.

    Args:
        constants: replace inputs of the operation that are no arrays, such as `num_heads`.
        backends: load only these frameworks.
    """
    sizes = dict(sizes or bench_sizes(op))
    op = replace(op, inputs={**op.inputs, **(constants or {})})
    functions = {backend: op.implementation(backend) for backend in backends}
    wrt = op.wrt if kind == "gradient" else ()
    parsed = [parse(seeded_inputs(op, sizes, seed), wrt, tuple(functions.values())) for seed in range(VARIANTS)]
    variants = tuple(one.arrays for one in parsed)
    return Subject(op.name, kind, dtype, functions, parsed[0], variants, op.reference, sizes)


def of_pair(
    name: str,
    jax_fn: Callable[..., Any],
    torch_fn: Callable[..., Any],
    inputs: Any,
    kind: str,
    dtype: str,
    wrt: Any = "all",
) -> Subject:
    """A caller's own pair of functions, with inputs as in `parity.check`.

    Raises:
        InputError: unknown kind, or a gradient without a floating input.
    """
    if kind not in KINDS:
        raise InputError(f"kind: got {kind!r}, expected one of {', '.join(KINDS)}")
    arguments = parse(inputs, wrt if kind == "gradient" else (), (jax_fn, torch_fn))
    if kind == "gradient" and not arguments.wrt:
        raise InputError("kind: got 'gradient', but no input is floating; use kind='forward'")
    variants = tuple(
        {
            name: jittered(f"bench/{name}", array, number, MOVE) if number else array
            for name, array in arguments.arrays.items()
        }
        for number in range(VARIANTS)
    )
    return Subject(name, kind, dtype, {JAX: jax_fn, TORCH: torch_fn}, arguments, variants)
