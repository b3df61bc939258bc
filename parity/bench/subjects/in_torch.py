"""Programs to be timed in PyTorch: the forward pass, or outputs and gradients as one whole."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch._dynamo.utils import counters

from parity.bench.subjects.prepared import Prepared
from parity.data.arguments import Arguments
from parity.data.inputs import cotangent
from parity.data.template import Slot, called, named
from parity.execution import backends
from parity.execution.backends.torch_backend import ready_to_compile as ready_to_compile

Arrays = Mapping[str, torch.Tensor]
Forward = Callable[[Arrays], dict[str, torch.Tensor]]


def prepared(
    function: Callable[..., Any],
    arguments: Arguments,
    kind: str,
    mode: str,
    variants: Sequence[Mapping[str, np.ndarray]],
    device: str,
) -> Prepared:
    """The function, on each of `variants`; compiled as a whole under `torch.compile(fullgraph=True, dynamic=False)`."""
    target, convert = find(device), backends.get("torch").from_numpy
    sets: list[Any] = [{name: convert(array).to(target) for name, array in v.items()} for v in variants]
    if kind == "forward":
        run = _compiled(function) if mode == "compiled" else function
        # As it is called by itself: taking the names apart would be timed too.
        return Prepared(
            lambda tree: arguments.call(run, tree), [arguments.tree(arrays) for arrays in sets], is_named=False
        )
    by_name = _forward(function, arguments)
    cotangents = _cotangents(by_name, sets[0])
    sets = [(arrays, cotangents) for arrays in sets]
    if mode == "eager":
        return Prepared(_eager_gradient(by_name, arguments.wrt), sets, is_named=True)
    return Prepared(_compiled(_gradient(by_name, arguments.wrt)), sets, is_named=True)


def _compiled(whole: Callable[..., Any]) -> Callable[..., Any]:
    """A graph break is an error, and so is a graph that was not compiled."""
    # Each program is compiled for its own sizes: none that stands for many is timed by the way.
    optimized = torch.compile(whole, fullgraph=True, dynamic=False)
    run = _checked(optimized)

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal run
        output = run(*args, **kwargs)
        run = optimized
        return output

    return call


def _checked(optimized: Callable[..., Any]) -> Callable[..., Any]:
    def first(*args: Any, **kwargs: Any) -> Any:
        before = counters["stats"]["unique_graphs"]
        output = optimized(*args, **kwargs)
        if counters["stats"]["unique_graphs"] == before:  # Dynamo may skip a function and run it eagerly without a word
            raise RuntimeError("torch.compile ran no compiled graph: is it disabled (TORCHDYNAMO_DISABLE)?")
        return output

    return first


def _forward(function: Callable[..., Any], arguments: Arguments) -> Forward:
    """Arrays by name → outputs by name."""
    template, positional = arguments.tree({name: Slot(name) for name in arguments.arrays}), arguments.positional
    return lambda arrays: named(called(function, template, positional, arrays))


def _gradient(forward: Forward, wrt: tuple[str, ...]) -> Callable[[Any], Any]:
    """(arrays, cotangents) by name → outputs and gradients by name."""

    def gradient(arrays_and_cotangents: tuple[Arrays, Arrays]) -> dict[str, torch.Tensor]:
        arrays, cotangents = arrays_and_cotangents
        others = {name: array for name, array in arrays.items() if name not in wrt}

        def outputs(given: Arrays) -> tuple[Any, Any]:
            leaves = forward({**others, **given})
            return {name: leaves.pop(name) for name in cotangents}, leaves

        given = {name: arrays[name] for name in wrt}
        floating, pull, rest = torch.func.vjp(outputs, given, has_aux=True)  # type: ignore[misc]
        return {**floating, **rest, **{f"grad/{name}": leaf for name, leaf in pull(cotangents)[0].items()}}

    return gradient


def _eager_gradient(forward: Forward, wrt: tuple[str, ...]) -> Callable[[Any], Any]:
    """The same as gradients are taken without a compiler: by `torch.autograd`."""

    def gradient(arrays_and_cotangents: tuple[Arrays, Arrays]) -> dict[str, torch.Tensor]:
        arrays, cotangents = arrays_and_cotangents
        sources = {name: arrays[name].detach().requires_grad_() for name in wrt}
        leaves = forward({**arrays, **sources})
        flowing = {name: leaves[name] for name in cotangents if leaves[name].requires_grad}
        pulled = torch.autograd.grad(
            list(flowing.values()),
            list(sources.values()),
            [cotangents[name] for name in flowing],
            allow_unused=True,
            materialize_grads=True,
        )
        return {**leaves, **{f"grad/{name}": leaf for name, leaf in zip(sources, pulled, strict=True)}}

    return gradient


def _cotangents(forward: Forward, arrays: Arrays) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        outputs = forward(arrays)
    floating = {n: leaf for n, leaf in outputs.items() if isinstance(leaf, torch.Tensor) and leaf.is_floating_point()}
    return {n: torch.from_numpy(cotangent(n, tuple(leaf.shape))).to(leaf) for n, leaf in floating.items()}


def find(device: str) -> Any:
    """The first device of this kind, `cpu` or `cuda`; RuntimeError if PyTorch sees none."""
    if device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("torch.cuda.is_available() is False")
    return torch.device(device)


@contextlib.contextmanager
def counted_compilations() -> Iterator[Callable[[], int]]:
    """How many graphs Dynamo compiled since the block began."""
    before = counters["stats"]["unique_graphs"]
    yield lambda: counters["stats"]["unique_graphs"] - before


def graph_breaks() -> int:
    """Places at which Dynamo gave a function back to Python since `ready_to_compile`."""
    return sum(counters["graph_break"].values())
