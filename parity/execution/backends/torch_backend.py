"""PyTorch: conversion, vector-Jacobian product, compilation, precision settings."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ml_dtypes
import numpy as np
import torch
from torch._dynamo import config
from torch._dynamo.utils import counters

from parity.data.tree import named_leaves
from parity.execution.backends import Call, Evaluation


@contextlib.contextmanager
def settings(dtype: str) -> Iterator[None]:
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32, torch.get_default_dtype()
    differentiates = torch.is_grad_enabled()
    try:
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
        # What x64 is to JAX: new arrays without a dtype are 64 bits wide in a float64 run, 32 bits otherwise.
        torch.set_default_dtype(torch.float64 if dtype == "float64" else torch.float32)
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]
        torch.set_default_dtype(before[2])
        torch.set_grad_enabled(differentiates)  # a time limit may strike inside of torch.no_grad


def from_numpy(array: np.ndarray) -> torch.Tensor:
    # np.array makes the copy writeable and C-contiguous; torch knows no NumPy bfloat16, so it crosses by its bits.
    copy = np.array(array, order="C")
    if copy.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(copy.view(np.uint16)).view(torch.bfloat16)
    return torch.from_numpy(copy)


def to_numpy(value: Any) -> np.ndarray:
    if not isinstance(value, torch.Tensor):
        return np.array(value)
    value = value.detach().resolve_conj().resolve_neg().cpu().contiguous()
    if value.dtype == torch.bfloat16:
        return value.view(torch.uint16).numpy().view(ml_dtypes.bfloat16).copy()
    return value.numpy().copy()


def compile(function: Callable[..., Any]) -> Callable[..., Any]:
    # Dynamo counts recompilations per code object and gives up silently after eight: every case starts afresh.
    torch.compiler.reset()
    counters.clear()
    compiled = torch.compile(function, fullgraph=True)

    def call(*args: Any, **kwargs: Any) -> Any:
        output = compiled(*args, **kwargs)
        if not counters["stats"]["unique_graphs"]:  # Dynamo may skip a function and run it eagerly without a word
            raise RuntimeError("torch.compile ran no compiled graph: is it disabled (TORCHDYNAMO_DISABLE)?")
        return output

    return call


_latest: tuple[Any, Callable[..., Any]] = (None, compile)


def _compile_once(function: Callable[..., Any], arrays: Mapping[str, torch.Tensor], wrt: tuple[str, ...]) -> Any:
    """Compiled for these shapes and dtypes; the latest is kept, since the same case is often run on several values."""
    global _latest
    case = (function, wrt, tuple((name, array.shape, array.dtype) for name, array in arrays.items()))
    if _latest[0] != case:
        _latest = (case, compile(function))
    return _latest[1]


@contextlib.contextmanager
def ready_to_compile() -> Iterator[None]:
    """Nothing compiled before is found, and Dynamo says so when it would give up and run eagerly."""
    torch.compiler.reset()
    counters.clear()
    with config.patch(fail_on_recompile_limit_hit=True):
        yield


def wait(output: Any) -> Any:
    if torch.cuda.is_available():  # on the CPU torch computes before it returns
        torch.cuda.synchronize()
    return output


def _is_floating(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor) and leaf.is_floating_point()


def evaluate(
    function: Callable[..., Any],
    call: Call,
    arrays: Mapping[str, torch.Tensor],
    wrt: tuple[str, ...],
    cotangent: Callable[[str, tuple[int, ...]], np.ndarray],
    compiled: bool,
) -> Evaluation:
    if compiled:
        function = _compile_once(function, arrays, wrt)
    # Gradients go to `sources`; the function gets clones, so that it may write into its input without an error here.
    sources = {name: arrays[name].detach().requires_grad_() for name in wrt}
    clones = {name: source.clone() for name, source in sources.items()}
    with torch.enable_grad() if wrt else torch.no_grad():
        outputs = named_leaves(call(function, {**arrays, **clones}), "out")
    for name, clone in clones.items():
        if clone._version:  # written into: show the caller's copy what happened
            with torch.no_grad():
                arrays[name].copy_(clone)
    flowing = {name: leaf for name, leaf in outputs.items() if _is_floating(leaf) and leaf.requires_grad}
    if not wrt or not any(map(_is_floating, outputs.values())):
        return Evaluation(outputs, {})
    if not flowing:
        return Evaluation(outputs, {name: torch.zeros_like(source) for name, source in sources.items()})
    pulled_back = [
        torch.from_numpy(cotangent(name, tuple(leaf.shape))).to(device=leaf.device, dtype=leaf.dtype)
        for name, leaf in flowing.items()
    ]
    gradients = torch.autograd.grad(
        list(flowing.values()), list(sources.values()), pulled_back, allow_unused=True, materialize_grads=True
    )
    return Evaluation(outputs, dict(zip(sources, gradients, strict=True)))


def environment() -> dict[str, Any]:
    cuda = torch.cuda.is_available()
    return {
        "version": torch.__version__,
        "devices": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if cuda else ["cpu"],
        "threads": torch.get_num_threads(),
        "matmul_precision": "highest",
        "tf32": False,
        "default_dtype": "float64 in the float64 rung, else float32",
    }
