"""A torch function that differentiates or trains inside (`loss.backward()`, `autograd.grad`, `optimizer.step()`): where."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from parity.execution.places import innermost

# The one function through which `backward` and `grad` enter the engine, however they were imported. It is private: where a later
# torch lacks it the public ones are watched, and what was imported from there before goes unseen.
ENGINE = "_engine_run_backward"


@dataclass
class Inner:
    """What was seen.

    Attributes:
        place: file and line of the first derivative or step; empty for none.
        is_held: a step was made, or a derivative taken without create_graph=True: a constant to autograd.
    """

    place: str = ""
    is_held: bool = False


@contextlib.contextmanager
def inner_derivatives(watched: bool = True) -> Iterator[Inner]:
    """The derivatives that the block takes by `torch.autograd`, and the steps of its optimizers."""
    seen = Inner()

    def note(is_held: bool) -> None:
        seen.place = seen.place or innermost(sys._getframe(2), with_source=False) or "an unknown place"
        seen.is_held = seen.is_held or is_held

    if not watched:  # nothing in a compiled function can do so, and the compiler has to see torch as it is
        yield seen
        return
    names = (ENGINE,) if hasattr(torch.autograd, ENGINE) else ("backward", "grad")
    originals = {name: getattr(torch.autograd, name) for name in names}

    def watch(name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            note(not (kwargs.get("create_graph", False) or (name == ENGINE and len(args) > 3 and args[3])))
            return originals[name](*args, **kwargs)

        return call

    def stepped(*_: Any) -> None:
        note(True)

    steps = register_optimizer_step_pre_hook(stepped)
    try:
        for name in names:
            setattr(torch.autograd, name, watch(name))
        yield seen
    finally:
        steps.remove()
        for name, original in originals.items():
            setattr(torch.autograd, name, original)
