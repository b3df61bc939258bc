"""Primitives without a translation are run by JAX itself, and differentiated by it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from parity.execution.backends import jax_backend, torch_backend
from parity.programs.builder import Builder
from parity.programs.program import references


def to_torch(value: Any) -> torch.Tensor:
    """A JAX array as a tensor of its dtype."""
    return torch_backend.from_numpy(jax_backend.to_numpy(value))


def _to_jax(value: Any) -> Any:
    return jnp.asarray(torch_backend.to_numpy(value) if isinstance(value, torch.Tensor) else value)


def add(builder: Builder, primitive: Any, params: dict[str, Any], operands: list[Any]) -> list[Any]:
    """Adds a node that calls the primitive; one result for each of its outputs."""

    def bind(*values: Any) -> list[Any]:
        result = primitive.bind(*values, **primitive.get_bind_params(params))
        return list(result) if primitive.multiple_results else [result]

    def pull_back(values: tuple[Any, ...], cotangents: list[Any]) -> Any:
        results, pull = jax.vjp(bind, *values)
        pairs = zip(cotangents, results, strict=True)
        return pull(
            [c if jnp.issubdtype(r.dtype, jnp.inexact) else np.zeros(r.shape, jax.dtypes.float0) for c, r in pairs]
        )

    # Compiled once: it is called for every hypothesis.
    forward, backward = jax.jit(bind), jax.jit(pull_back)

    class Primitive(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *values: Any) -> tuple[torch.Tensor, ...]:
            ctx.values = values
            with jax_backend.settings("float64"):
                return tuple(to_torch(result) for result in forward(*map(_to_jax, values)))

        @staticmethod
        def backward(ctx: Any, *cotangents: Any) -> Any:
            with jax_backend.settings("float64"):
                # Autograd's complex gradients are the conjugates of JAX's.
                pulled = backward(tuple(map(_to_jax, ctx.values)), [_to_jax(c.conj()) for c in cotangents])
                return tuple(
                    to_torch(g).conj() if isinstance(v, torch.Tensor) and torch_backend.is_inexact(v) else None
                    for g, v in zip(pulled, ctx.values, strict=True)
                )

    if not references(operands):
        with jax_backend.settings("float64"):
            return [builder.constant(to_torch(result)) for result in forward(*map(_to_jax, operands))]
    outputs = builder.call(primitive.name, Primitive.apply, *operands)
    return [builder.add("item", outputs, number) for number in range(len(builder.value(outputs)))]
