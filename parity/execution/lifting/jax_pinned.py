"""Which steps of a traced JAX program have a precision below float64, and where they stand in the code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jax.extend import core

from parity.execution.lifting import LOW_DTYPES, Kind, PinnedStep, PinnedSteps
from parity.execution.lifting.jax_interpreter import is_own, place

_MANTISSAS = {7: "bfloat16", 10: "float16", 23: "float32"}


def find(jaxpr: Any, pinned: PinnedSteps) -> None:
    """Notes the steps of `jaxpr`, traced on float64 inputs, that enter a lower precision."""
    for equation in jaxpr.eqns:
        inner = list(_inner(equation.params))
        for one in inner:
            find(one, pinned)
        if inner or is_own(equation):  # what pulls a cast of the caller back: the cast is listed
            continue
        made = _low(equation.outvars)
        if equation.primitive.name == "reduce_precision":
            made = _MANTISSAS.get(equation.params["mantissa_bits"], "")
        if not made:
            continue
        taken = [str(atom.aval.dtype) for atom in equation.invars if _is_floating(atom)]
        if any(LOW_DTYPES.get(dtype, 53) > LOW_DTYPES[made] for dtype in taken):
            pinned.add(PinnedStep(made, place(equation), Kind.NARROWED))
        elif not taken:
            pinned.add(PinnedStep(made, place(equation), Kind.MADE))


def tables(consts: Any) -> Iterator[str]:
    """The low precisions of the arrays that a traced program holds."""
    for const in consts:
        name = str(getattr(const, "dtype", ""))
        if name in LOW_DTYPES:
            yield name


def _inner(value: Any) -> Iterator[Any]:
    """All jaxprs in the parameters of an equation."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        for part in value:
            yield from _inner(part)
    elif isinstance(value, core.ClosedJaxpr):
        yield value.jaxpr
    elif isinstance(value, core.Jaxpr):
        yield value


def _is_floating(atom: Any) -> bool:
    return getattr(getattr(atom.aval, "dtype", None), "kind", "") in ("f", "c", "V") or (
        str(getattr(atom.aval, "dtype", "")) in LOW_DTYPES
    )


def _low(variables: Any) -> str:
    """The lowest of the low precisions of these variables."""
    names = [str(getattr(variable.aval, "dtype", "")) for variable in variables]
    return min((name for name in names if name in LOW_DTYPES), key=LOW_DTYPES.__getitem__, default="")
