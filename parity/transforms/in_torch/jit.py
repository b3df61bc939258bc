"""`torch.compile`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch._dynamo.utils import counters

from parity.sides import TORCH
from parity.transforms.impurity import refuse_impure


def compiled(whole: Callable[..., Any]) -> Any:
    """Compiled = eager."""
    return torch.compile(whole, fullgraph=True, dynamic=False)


def compilations(flexible: Callable[..., Any], shapes: list[Any]) -> Any:
    """The same shapes compile once; another shape and another dtype compile once more each."""
    given, other_shape, other_dtype = shapes
    function = torch.compile(flexible, fullgraph=True, dynamic=False)
    count = {}
    for name, arrays in (
        ("given", given),
        ("again", given),
        ("other shape", other_shape),
        ("other dtype", other_dtype),
    ):
        function(arrays)
        count[name] = counters["stats"]["unique_graphs"]
    return count


def pure(whole: Callable[..., Any], arrays: Any, pair: Any) -> Any:
    """No side effect, changed global, hidden random numbers or written input."""
    refuse_impure(pair, TORCH)
    return whole(arrays)
