"""A function made ready to be timed: on the device, on several sets of values, compiled or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity.data.arguments import Arguments
from parity.data.template import named
from parity.execution.backends import Backend


@dataclass(frozen=True)
class Prepared:
    """A program and what it runs on.

    Attributes:
        run: takes one of `sets`; returns the framework's own output, which may not be complete yet.
        sets: what `run` takes, one for each set of values.
        is_named: `run` returns arrays by name; otherwise what the function itself returns.
    """

    run: Callable[[Any], Any]
    sets: list[Any]
    is_named: bool

    def call(self, number: int) -> Any:
        """Runs on the `number`-th set of values, counted around."""
        return self.run(self.sets[number % len(self.sets)])

    def leaves(self, output: Any) -> Mapping[str, Any]:
        """The output by name: `out`, `out/loss`, `grad/query`."""
        return output if self.is_named else named(output)


def on_inputs(
    adapter: Backend,
    function: Callable[..., Any],
    arguments: Arguments,
    kind: str,
    mode: str,
    variants: Sequence[Mapping[str, np.ndarray]],
    device: str,
) -> Prepared:
    """The function on each of `variants`; compiled as a whole, for its own sizes. Nothing is donated."""
    compiled = mode == "compiled"
    sets: list[Any] = [{n: adapter.from_numpy(array, device) for n, array in v.items()} for v in variants]
    by_name = arguments.by_name(function)
    if kind == "gradient":
        whole, cotangents = adapter.with_gradient(by_name, sets[0], arguments.wrt, compiled)
        run = adapter.compile(whole, fresh=False) if compiled else whole
        return Prepared(run, [(arrays, cotangents) for arrays in sets], is_named=True)
    if compiled and adapter.TRACES_CONSTANTS:
        return Prepared(adapter.compile(by_name, fresh=False), sets, is_named=True)
    # As it is called by itself: taking the names apart would be timed too.
    called = adapter.compile(function, fresh=False) if compiled else function
    return Prepared(lambda tree: arguments.call(called, tree), [arguments.tree(arrays) for arrays in sets], False)
