"""`torch.compile`, and what it counts; the functions without an underscore are those of `Backend`, but for `compile_once`."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch._dynamo import config
from torch._dynamo.utils import counters


def compile(function: Callable[..., Any], *, fresh: bool = True) -> Callable[..., Any]:
    """Whole functions and static shapes alone; the first call raises when no compiled code ran."""
    if fresh:
        # Dynamo counts recompilations per code object and gives up silently after eight: every case starts afresh.
        torch.compiler.reset()
        counters.clear()
    optimized = torch.compile(function, fullgraph=True, dynamic=False)
    run: Callable[..., Any] = _seen_to_compile(optimized)

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal run
        output = run(*args, **kwargs)
        run = optimized
        return output

    return call


def _seen_to_compile(optimized: Callable[..., Any]) -> Callable[..., Any]:
    def first(*args: Any, **kwargs: Any) -> Any:
        before = counters["stats"]["unique_graphs"]
        with warnings.catch_warnings():
            # It then calls the eager kernels from the graph, once for each complex operation.
            warnings.filterwarnings("ignore", ".*does not support code generation for complex operators", UserWarning)
            output = optimized(*args, **kwargs)
        if counters["stats"]["unique_graphs"] == before:  # Dynamo may skip a function and run it eagerly without a word
            raise RuntimeError("torch.compile ran no compiled graph: is it disabled (TORCHDYNAMO_DISABLE)?")
        return output

    return first


_latest: tuple[Any, Callable[..., Any]] = (None, compile)


def compile_once(
    function: Callable[..., Any], arrays: Mapping[str, torch.Tensor], wrt: tuple[str, ...], precision: str | None
) -> Any:
    """Compiled for these shapes and dtypes; the latest is kept, since the same case is often run on several values.

    Args:
        precision: of matrix products, at which Dynamo does not look.
    """
    global _latest
    case = (function, wrt, precision, tuple((name, array.shape, array.dtype) for name, array in arrays.items()))
    if _latest[0] != case:
        _latest = (case, compile(function))
    return _latest[1]


@contextlib.contextmanager
def fresh_compiler() -> Iterator[None]:
    """Nothing compiled before is found in memory, and a function that would run uncompiled raises."""
    torch.compiler.reset()
    counters.clear()
    with config.patch(fail_on_recompile_limit_hit=True):  # Dynamo says so when it would give up and run eagerly
        yield


@contextlib.contextmanager
def count_compilations() -> Iterator[Callable[[], int]]:
    """Graphs of Dynamo since the block began."""
    before = counters["stats"]["unique_graphs"]
    yield lambda: counters["stats"]["unique_graphs"] - before


@contextlib.contextmanager
def count_disk_cache() -> Iterator[Callable[[], tuple[int, int]]]:
    """Hits and misses of Inductor's cache since the block began."""

    def seen() -> tuple[int, int]:
        counts = counters["inductor"]
        return counts["fxgraph_cache_hit"], counts["fxgraph_cache_miss"] + counts["fxgraph_cache_bypass"]

    hits, misses = seen()
    yield lambda: (seen()[0] - hits, seen()[1] - misses)


def graph_breaks() -> int:
    """Graph breaks of Dynamo since `fresh_compiler`."""
    return sum(counters["graph_break"].values())
