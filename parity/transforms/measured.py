"""One cell on one side: its value, its identity and what was compiled, as NumPy arrays by name."""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from parity.data.tree import named_leaves
from parity.execution.limits import TimeLimitExceeded, time_limit
from parity.execution.result import Problem
from parity.sides import TORCH
from parity.transforms import identities
from parity.transforms.catalogue import TransformCell
from parity.transforms.fixtures import Fixtures
from parity.transforms.function_pair import NotApplicable
from parity.transforms.impurity import Impure

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Measured:
    """What came of it.

    Attributes:
        value: the cell's value by name of its leaves.
        left, right: the two values of the identity.
        error: what the framework raised instead, with its whole message.
        words: the same in one line, with the place.
        impure: what makes the caller's function impure; empty otherwise.
        fallback: why the compiled code cannot have run; empty otherwise.
        not_applicable: why the cell makes no sense here; empty otherwise.
    """

    value: Arrays = field(default_factory=dict)
    left: Arrays = field(default_factory=dict)
    right: Arrays = field(default_factory=dict)
    error: str = ""
    words: str = ""
    impure: str = ""
    fallback: str = ""
    not_applicable: str = ""


def measure(cell: TransformCell, fixtures: Fixtures, timeout_s: float) -> Measured:
    """Runs the cell and its identity; whatever the caller's function does is told, never raised."""
    side = fixtures.side
    cells, own = (
        importlib.import_module(f"parity.transforms.in_{side}.{module}") for module in (cell.group, "identities")
    )
    identity = getattr(own, cell.identity, None) or getattr(identities, cell.identity)
    try:
        # What a framework warns of (slow paths, deprecated ways of its own) is no verdict on the caller's function.
        with fixtures.adapter.settings(fixtures.pair.dtype), time_limit(timeout_s), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made, fallback = _run(getattr(cells, cell.function), cell, fixtures)
            left, right = with_fixtures(identity, fixtures, value=made)
            value, left, right = (_as_numpy(fixtures, tree) for tree in (made, left, right))
    except NotApplicable as reason:
        return Measured(not_applicable=str(reason))
    except Impure as error:
        return Measured(impure=str(error))
    except (Exception, SystemExit, TimeLimitExceeded) as error:
        return Measured(error=f"{type(error).__name__}: {error}", words=Problem.of(error, "out").words)
    return Measured(value, left, right, fallback=fallback)


def with_fixtures(function: Callable[..., Any], fixtures: Fixtures, **given: Any) -> Any:
    """Calls the function with what its parameters are called."""
    names = inspect.signature(function).parameters
    return function(**{name: given[name] if name in given else fixtures.get(name) for name in names})


def _run(function: Callable[..., Any], cell: TransformCell, fixtures: Fixtures) -> tuple[Any, str]:
    if not cell.graphs:
        if cell.group == "jit":
            with fixtures.adapter.fresh_compiler():
                return with_fixtures(function, fixtures), ""
        return with_fixtures(function, fixtures), ""
    with fixtures.adapter.fresh_compiler():
        transformed = with_fixtures(function, fixtures)
        inputs = [fixtures.get(name) for name in cell.on]
        with fixtures.adapter.count_compilations() as compilations:
            value = transformed(*inputs)
            first, executions = compilations(), fixtures.kit.executions()
            transformed(*inputs)
            second = compilations() - first, fixtures.kit.executions() - executions
    return value, _fallback(first, second, cell.graphs if fixtures.side == TORCH else 0)


def _fallback(first: int, second: tuple[int, int], graphs: int) -> str:
    """Why the compiled code cannot have run: compilations of the first call, and those and executions by Python of the second."""
    if not first:
        return "the first call compiled nothing: it ran eagerly"
    if graphs and first != graphs:
        return f"the first call compiled {first} graphs, expected {graphs}"
    if second[0]:
        return f"the second call, on the same inputs, compiled {second[0]} more"
    return f"the second call ran the Python function {second[1]} times more: it ran eagerly" if second[1] else ""


def _as_numpy(fixtures: Fixtures, tree: Any) -> dict[str, np.ndarray]:
    # Outputs are named by their place in the caller's tree already: `out/loss` is one key, and stays readable.
    leaves = named_leaves(tree).items()
    return {name.replace("~1", "/"): fixtures.adapter.to_numpy(leaf) for name, leaf in leaves}
