"""One side a second time, on the same inputs: does it give the same?"""

from __future__ import annotations

from parity.data.input_variant import InputVariant
from parity.execution import backends, draws
from parity.execution.result import Result
from parity.execution.run_cache import RunCache


def again(cache: RunCache, side: str, variant: InputVariant) -> Result:
    """A new float64 run; no generator is set back, so that what draws from one draws other numbers."""
    return cache.runner(side, "float64", "eager", variant).run(variant, cache.inputs(variant), "float64", "eager")


def drawing(cache: RunCache, side: str, variant: InputVariant) -> list[str]:
    """The calls that draw from a global generator in a float64 run, each once; empty where none is seen."""
    # Under the watch of a dispatch mode some functions raise; what was seen until then counts.
    with draws.from_python() as of_python, backends.get(side).draws() as of_framework:
        again(cache, side, variant)
    return list(dict.fromkeys((*of_framework, *of_python)))
