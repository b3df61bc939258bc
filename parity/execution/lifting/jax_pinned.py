"""Which steps of a traced JAX program have a precision below float64, and where they stand in the code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from jax.extend import core

from parity.execution.lifting import LOW_DTYPES, Kind, PinnedStep, PinnedSteps
from parity.execution.lifting.jax_interpreter import is_own, is_rounded_number, place

_MANTISSAS = {7: "bfloat16", 10: "float16", 23: "float32"}


def find(jaxpr: Any, pinned: PinnedSteps, depends: Sequence[bool] | None = None) -> list[bool]:
    """Notes the steps of `jaxpr`, traced on float64 inputs, that enter a lower precision.

    Args:
        depends: for each input, does it depend on a floating input of the whole program? By default the floating ones do.

    Returns:
        The same for each output.
    """
    known: dict[Any, bool] = dict.fromkeys(jaxpr.constvars, False)
    if depends is None:
        depends = [_is_floating(variable) for variable in jaxpr.invars]
    known.update(zip(jaxpr.invars, depends, strict=True))
    for equation in jaxpr.eqns:
        taken = [not isinstance(atom, core.Literal) and known[atom] for atom in equation.invars]
        inner, results = list(_inner(equation.params)), [any(taken)] * len(equation.outvars)
        for one in inner:
            fits = len(one.invars) == len(taken)
            outputs = find(one, pinned, taken if fits else [any(taken)] * len(one.invars))
            if len(inner) == 1 and fits and len(outputs) == len(results):
                results = outputs
        known.update(zip(equation.outvars, results, strict=True))
        if any(map(is_rounded_number, equation.invars)):
            pinned.add(PinnedStep("float32", place(equation), Kind.MADE))
            pinned.has_numbers = True
        if not inner and not is_own(equation):  # what pulls a cast of the caller back: the cast is listed
            _note(equation, any(taken), pinned)
    return [not isinstance(atom, core.Literal) and known[atom] for atom in jaxpr.outvars]


def _note(equation: Any, depends: bool, pinned: PinnedSteps) -> None:
    made = _low(equation.outvars)
    if equation.primitive.name == "reduce_precision":
        made = _MANTISSAS.get(equation.params["mantissa_bits"], "")
    if not made:
        return
    taken = [str(atom.aval.dtype) for atom in equation.invars if _is_floating(atom)]
    narrows = any(LOW_DTYPES.get(dtype, 53) > LOW_DTYPES[made] for dtype in taken)
    if narrows or not taken:
        pinned.add(PinnedStep(made, place(equation), Kind.NARROWED if narrows and depends else Kind.MADE))


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
