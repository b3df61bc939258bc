"""A function made ready to be timed: on the device, on several sets of values, compiled or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from parity.data.template import named


@dataclass(frozen=True)
class Prepared:
    """
    Attributes:
        run: takes one of `sets`; returns the framework's own output, which may not be complete yet.
        sets: what `run` takes, one for each set of values.
        is_named: `run` returns arrays by name; otherwise what the function itself returns.
    """

    run: Callable[[Any], Any]
    sets: list[Any]
    is_named: bool

    def call(self, number: int) -> Any:
        return self.run(self.sets[number % len(self.sets)])

    def leaves(self, output: Any) -> Mapping[str, Any]:
        """The output by name: `out`, `out/loss`, `grad/query`."""
        return output if self.is_named else named(output)
