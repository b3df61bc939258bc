"""Traces a JAX function to a program: makes its jaxpr in float64 and inlines the calls in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from parity.execution.backends import Call, jax_backend
from parity.execution.lifting.jax_interpreter import place
from parity.programs import jax_fallback
from parity.programs.builder import Builder
from parity.programs.jax_operations import HANDLERS
from parity.programs.program import Program, Ref
from parity.sides import JAX

_INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")
_OPENED = {
    "jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint", "custom_jvp_call", "custom_vjp_call",
    "custom_vjp_call_jaxpr",
}  # fmt: skip


def trace(function: Callable[..., Any], call: Call, arrays: Mapping[str, np.ndarray]) -> Program:
    """The program of `function` called by `call` on `arrays`. Raises whatever the function raises when it is traced."""
    names: list[str] = []

    def leaves(given: dict[str, Any]) -> list[Any]:
        named = {
            name: leaf
            for name, leaf in jax_backend.leaves(call(function, given)).items()
            if leaf is not None and not isinstance(leaf, str)
        }
        names[:] = named
        return [jnp.asarray(leaf) for leaf in named.values()]

    with jax_backend.settings("float64"):
        closed = jax.make_jaxpr(leaves)({name: jnp.asarray(array) for name, array in arrays.items()})
        builder = Builder(JAX)
        # A mapping is flattened in the order of its sorted keys.
        inputs = [builder.input(name, torch.from_numpy(np.array(arrays[name], order="C"))) for name in sorted(arrays)]
        with torch.no_grad():
            outputs = _add(builder, closed.jaxpr, closed.consts, inputs)
        return builder.program(dict(zip(names, outputs, strict=True)))


def _add(builder: Builder, jaxpr: Any, consts: Any, inputs: list[Any]) -> list[Any]:
    known: dict[Any, Any] = dict(zip(jaxpr.invars, inputs, strict=True))
    for variable, const in zip(jaxpr.constvars, consts, strict=True):
        known[variable] = builder.constant(jax_fallback.to_torch(const))

    def read(atom: Any) -> Any:
        if hasattr(atom, "val"):
            return builder.constant(jax_fallback.to_torch(atom.val))
        return known[atom]

    for equation in jaxpr.eqns:
        name, params = equation.primitive.name, equation.params
        operands = [read(atom) for atom in equation.invars]
        outer = builder.place
        builder.place = place(equation) or outer
        inner = next((params[key] for key in _INNER if key in params), None) if name in _OPENED else None
        if params.get("name") == "relu" and name == "custom_jvp_call":
            results = [builder.add("relu", *operands)]  # its own rule: no gradient at 0
        elif name == "cond" and not isinstance(operands[0], Ref):
            branch = params["branches"][int(operands[0])]  # known while tracing, such as the platform
            results = _add(builder, branch.jaxpr, branch.consts, operands[1:])
        elif inner is not None:
            if name.startswith("custom_vjp"):
                builder.rules.append(f"{params.get('name', name)} at {builder.place}")
            results = _add(builder, getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), operands)
        elif name in HANDLERS:
            result = HANDLERS[name](builder, params, *operands)
            results = result if isinstance(result, list) else [result]
        else:
            results = jax_fallback.add(builder, equation.primitive, params, operands)
        builder.place = outer
        known.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]
