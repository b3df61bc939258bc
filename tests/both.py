"""What the tests of the rungs give to both frameworks alike: either side can be given either function.

Functions of operators and methods work as they are; what is no method is here.
"""

from __future__ import annotations

from typing import Any

import parity
from parity.judge.finding import Finding
from parity.judge.report import Report

SWAPPED = {"jax": "torch", "torch": "jax", None: None}


def check(jax_fn: Any, torch_fn: Any, inputs: Any, **options: Any) -> Report:
    """`parity.check` without the search for causes, which has tests of its own."""
    return parity.check(jax_fn, torch_fn, inputs, **{"causes_s": 1e-9, **options})


def sided(side: str, odd: Any, good: Any, inputs: Any, **options: Any) -> Report:
    """`check` with the odd function on this side and the good one on the other."""
    return check(*((odd, good) if side == "jax" else (good, odd)), inputs, **options)


def found(report: Report, leaf: str = "out", dtype: str = "float64", regime: str = "unit") -> Finding:
    """The one finding of this leaf, rung and regime, the uninformative ones included."""
    (finding,) = [
        f for f in (*report.findings, *report.uninformative) if (f.leaf, f.dtype, f.regime) == (leaf, dtype, regime)
    ]
    return finding


def is_jax(x: Any) -> bool:
    import jax

    return isinstance(x, jax.Array)


def _call(x: Any, jax_name: str, torch_name: str, *rest: Any) -> Any:
    import jax.numpy
    import torch

    return getattr(jax.numpy, jax_name)(x, *rest) if is_jax(x) else getattr(torch, torch_name)(x, *rest)


def concrete(like: Any, value: Any) -> Any:
    """`value` as an array of the framework and dtype of `like`."""
    import jax.numpy
    import torch

    return jax.numpy.asarray(value, like.dtype) if is_jax(like) else torch.as_tensor(value, dtype=like.dtype)


def exp(x: Any) -> Any:
    return _call(x, "exp", "exp")


def log(x: Any) -> Any:
    return _call(x, "log", "log")


def sin(x: Any) -> Any:
    return _call(x, "sin", "sin")


def tanh(x: Any) -> Any:
    return _call(x, "tanh", "tanh")


def where(condition: Any, x: Any, y: Any) -> Any:
    return _call(condition, "where", "where", x, y)


def softmax(x: Any) -> Any:
    """Over the last axis."""
    weights = exp(x - stopped(x).max())
    return weights / weights.sum(-1)[..., None]


def stopped(x: Any) -> Any:
    import jax

    return jax.lax.stop_gradient(x) if is_jax(x) else x.detach()


def cast(x: Any, dtype: str) -> Any:
    import torch

    return x.astype(dtype) if is_jax(x) else x.to(getattr(torch, dtype))


def through(x: Any, dtype: str) -> Any:
    """Rounded to this dtype and back to its own."""
    return cast(cast(x, dtype), str(x.dtype).removeprefix("torch."))
