"""Evaluates a jaxpr with every floating step in float64. Itself traceable, so that the whole can be compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax._src import source_info_util
from jax.extend import core

from parity.execution.lifting import LOW_DTYPES, Kind, PinnedStep, is_rounded, special
from parity.execution.lifting.jax_requests import wide

_OWN = Path(__file__).parents[1]
_CALLERS = (_OWN, _OWN.parent / "data")  # they call the function: no line of the caller's code


@dataclass(frozen=True)
class Observer:
    """What is told of an evaluation.

    Attributes:
        not_lifted: gets each step that has no float64 form and is run as it was traced.
        special: gets name, operands and result of each special function outside of loops and branches.
        nudge: share by which numbers move that were rounded to float32.
    """

    not_lifted: Callable[[PinnedStep], None]
    special: Callable[[str, list[Any], Any], None] | None = None
    nudge: Any = 0.0

    @property
    def inside(self) -> Observer:
        """For the body of a loop or a branch, whose values do not get out."""
        return Observer(self.not_lifted, nudge=self.nudge)


_INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")
_INLINED = {
    "jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint", "custom_jvp_call", "custom_vjp_call",
    "custom_vjp_call_jaxpr", "composite",
}  # fmt: skip
# Run on the host, or written for fixed dtypes: their operands are narrowed to what they were traced with.
_OPAQUE = {"pure_callback", "io_callback", "debug_callback", "ffi_call", "pallas_call", "custom_linear_solve"}


def evaluate(jaxpr: Any, consts: Sequence[Any], arguments: Sequence[Any], observer: Observer) -> list[Any]:
    """The outputs of `jaxpr`, in float64 where they are floating."""
    known: dict[Any, Any] = {}
    known.update(zip(jaxpr.constvars, map(_widened, consts), strict=True))
    known.update(zip(jaxpr.invars, map(_widened, arguments), strict=True))

    def read(atom: Any) -> Any:
        if not isinstance(atom, core.Literal):
            return known[atom]
        return _widened(atom.val) * (1.0 + observer.nudge) if is_rounded_number(atom) else _widened(atom.val)

    for equation in jaxpr.eqns:
        operands = [read(atom) for atom in equation.invars]
        known.update(zip(equation.outvars, _step(equation, operands, observer), strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def is_rounded_number(atom: Any) -> bool:
    """Is it a number in float64 that was rounded to float32 before?"""
    return isinstance(atom, core.Literal) and str(atom.val.dtype) == "float64" and is_rounded(float(atom.val))


def place(equation: Any) -> str:
    """`file.py:line` of the caller's code; empty if parity itself called what made the step."""
    frame = source_info_util.user_frame(equation.source_info.traceback)
    file = Path(frame.file_name) if frame else None
    return f"{file.name}:{frame.start_line}" if file and frame and file.parent not in _CALLERS else ""


def is_own(equation: Any) -> bool:
    """Is the code that made this step parity's own, which evaluates the caller's?"""
    frame = source_info_util.user_frame(equation.source_info.traceback)
    return frame is not None and _OWN in Path(frame.file_name).parents


def _step(equation: Any, operands: list[Any], observer: Observer) -> list[Any]:
    name, params = equation.primitive.name, equation.params
    inner = next((params[key] for key in _INNER if key in params), None) if name in _INLINED else None
    if inner is not None:
        return evaluate(*_opened(inner), operands, observer)
    rule = _RULES.get(name)
    if rule is not None:
        results = rule(params, operands, observer, equation)
    elif name in _OPAQUE:
        return _as_traced(equation, operands, observer)
    else:
        # Lifting can leave operands of two dtypes: a Python int was cast to float32 together with them, say.
        try:
            results = equation.primitive.bind(*operands, **_rewritten(params))
            if name in special.NAMES and observer.special:
                observer.special(name, operands, results)
        except (TypeError, ValueError, NotImplementedError):
            return _as_traced(equation, operands, observer)
    return list(results) if equation.primitive.multiple_results or isinstance(results, list) else [results]


def _as_traced(equation: Any, operands: list[Any], observer: Observer) -> list[Any]:
    narrow = [_cast(value, atom.aval) for value, atom in zip(operands, equation.invars, strict=True)]
    results = equation.primitive.bind(*narrow, **equation.params)
    results = results if equation.primitive.multiple_results else [results]
    low = sorted({str(v.aval.dtype) for v in equation.outvars if str(getattr(v.aval, "dtype", "")) in LOW_DTYPES})
    if low:
        observer.not_lifted(PinnedStep(low[0], place(equation), Kind.NOT_LIFTED, equation.primitive.name))
    return [_widened(result) for result in results]


def _opened(inner: Any) -> tuple[Any, Sequence[Any]]:
    return getattr(inner, "jaxpr", inner), getattr(inner, "consts", ())


def _widened(value: Any) -> Any:
    dtype = getattr(value, "dtype", None)
    if dtype is None or getattr(dtype, "name", "") not in LOW_DTYPES:
        return value
    return jnp.asarray(value).astype(wide(dtype))


def _cast(value: Any, aval: Any) -> Any:
    is_float = getattr(getattr(value, "dtype", None), "kind", "") in "fc"
    return jax.lax.convert_element_type(value, aval.dtype) if is_float else value


def _rewritten(value: Any) -> Any:
    """Parameters with float64 in place of every lower precision."""
    if isinstance(value, Mapping):
        return {key: _rewritten(part) for key, part in value.items()}
    if type(value) in (tuple, list):
        return type(value)(map(_rewritten, value))
    if isinstance(value, (np.dtype, type(jnp.float32))) or (isinstance(value, type) and issubclass(value, np.generic)):
        try:
            return wide(value) if np.dtype(value).name in LOW_DTYPES else value
        except TypeError:
            return value
    if isinstance(value, jax.core.ShapedArray) and str(value.dtype) in LOW_DTYPES:
        return value.update(dtype=wide(value.dtype))
    return value


# Control flow is rebuilt through the public API; what is carried keeps the dtype that it comes in with.


def _scan(params: Mapping[str, Any], operands: list[Any], observer: Observer, _: Any) -> list[Any]:
    first, last = params["num_consts"], params["num_consts"] + params["num_carry"]
    fixed, carry, scanned = operands[:first], operands[first:last], operands[last:]
    body, consts = _opened(params["jaxpr"])

    def step(carried: list[Any], one: list[Any]) -> tuple[list[Any], list[Any]]:
        outputs = evaluate(body, consts, [*fixed, *carried, *one], observer.inside)
        return outputs[: len(carry)], outputs[len(carry) :]

    final, stacked = jax.lax.scan(
        step, carry, scanned, length=params["length"], reverse=params["reverse"], unroll=params["unroll"]
    )
    return [*final, *stacked]


def _while(params: Mapping[str, Any], operands: list[Any], observer: Observer, _: Any) -> list[Any]:
    first = params["cond_nconsts"]
    last = first + params["body_nconsts"]
    condition, body = _opened(params["cond_jaxpr"]), _opened(params["body_jaxpr"])
    return list(
        jax.lax.while_loop(
            lambda carry: evaluate(*condition, [*operands[:first], *carry], observer.inside)[0],
            lambda carry: evaluate(*body, [*operands[first:last], *carry], observer.inside),
            operands[last:],
        )
    )


def _cond(params: Mapping[str, Any], operands: list[Any], observer: Observer, _: Any) -> list[Any]:
    def branch(opened: tuple[Any, Sequence[Any]]) -> Callable[..., list[Any]]:
        return lambda *given: evaluate(*opened, given, observer.inside)

    branches = [branch(_opened(one)) for one in params["branches"]]
    return list(jax.lax.switch(operands[0], branches, *operands[1:]))


def _bitcast(params: Mapping[str, Any], operands: list[Any], _: Observer, equation: Any) -> Any:
    """The bits of the number that the code would have had; an integer's bits as the number that the code meant."""
    value = _cast(operands[0], equation.invars[0].aval)
    return _widened(jax.lax.bitcast_convert_type(value, params["new_dtype"]))


def _scatter(function: Callable[..., Any]) -> Callable[..., Any]:
    def rule(params: Mapping[str, Any], operands: list[Any], _: Observer, __: Any) -> Any:
        names = ("indices_are_sorted", "unique_indices", "mode")
        return function(*operands, params["dimension_numbers"], **{name: params[name] for name in names})

    return rule


def _reduce(params: Mapping[str, Any], operands: list[Any], observer: Observer, _: Any) -> list[Any]:
    half = len(operands) // 2
    body, consts = params["jaxpr"].jaxpr, params["jaxpr"].consts

    def combine(one: Sequence[Any], other: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(evaluate(body, consts, [*one, *other], observer.inside))

    return list(jax.lax.reduce(tuple(operands[:half]), tuple(operands[half:]), combine, params["dimensions"]))


_RULES: dict[str, Callable[..., Any]] = {
    "scan": _scan,
    "while": _while,
    "cond": _cond,
    "bitcast_convert_type": _bitcast,
    "reduce_precision": lambda params, operands, *_: operands[0],
    "reduce": _reduce,
    "scatter": _scatter(jax.lax.scatter),
    "scatter-add": _scatter(jax.lax.scatter_add),
    "scatter-sub": _scatter(jax.lax.scatter_sub),
    "scatter-mul": _scatter(jax.lax.scatter_mul),
    "scatter-min": _scatter(jax.lax.scatter_min),
    "scatter-max": _scatter(jax.lax.scatter_max),
}
