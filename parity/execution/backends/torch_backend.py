"""PyTorch: conversion, vector-Jacobian product, compilation, precision settings."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ml_dtypes
import numpy as np
import torch
from torch.backends import cudnn

from parity.data.inputs import cotangent as seeded_cotangent
from parity.data.leaf import Kind
from parity.data.tree import named_leaves
from parity.execution.backends import CALLERS, HIGHEST, Call, Cotangent, Evaluation, check_device, no_device
from parity.execution.backends.torch_compile import compile as compile
from parity.execution.backends.torch_compile import compile_once
from parity.execution.backends.torch_compile import count_compilations as count_compilations
from parity.execution.backends.torch_compile import count_disk_cache as count_disk_cache
from parity.execution.backends.torch_compile import fresh_compiler as fresh_compiler
from parity.execution.backends.torch_compile import graph_breaks as graph_breaks
from parity.execution.backends.torch_draws import draws as draws
from parity.execution.backends.torch_inner import inner_derivatives
from parity.sides import TORCH

TRACES_CONSTANTS = False
CONJUGATES_GRADIENTS = True
_GRADIENT = f"{Kind.GRADIENT}/"  # a plain string: Dynamo traces through its use


@contextlib.contextmanager
def settings(dtype: str, device: str = "cpu", precision: str = HIGHEST) -> Iterator[None]:
    target = find_device(device)
    differentiates, default_dtype = torch.is_grad_enabled(), torch.get_default_dtype()
    on_device = contextlib.nullcontext() if target.type == "cpu" else target
    is_callers = precision == CALLERS and dtype != "float64"
    try:
        # What x64 is to JAX: new arrays without a dtype are 64 bits wide in a float64 run, 32 bits otherwise.
        torch.set_default_dtype(torch.float64 if dtype == "float64" else torch.float32)
        with contextlib.nullcontext() if is_callers else _highest_precision(), on_device:
            yield
    finally:
        torch.set_default_dtype(default_dtype)
        torch.set_grad_enabled(differentiates)  # a time limit may strike inside of torch.no_grad


@contextlib.contextmanager
def _highest_precision() -> Iterator[None]:
    products, matmuls = _matmul_precision(), (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)  # type: ignore[attr-defined]
    own = [matmul.fp32_precision for matmul in matmuls]
    # PyTorch's own test suite forbids to assign to these flags: a context manager is allowed there too.
    current = {name: getattr(cudnn, name) for name in ("enabled", "benchmark", "deterministic")}
    try:
        torch.set_float32_matmul_precision("highest")
        with cudnn.flags(**current, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(products or "highest")
        for matmul, precision in zip(matmuls, own, strict=True) if products is None else ():
            matmul.fp32_precision = precision


def _matmul_precision() -> str | None:
    """None where it was set for one kind of device, which torch's older setting cannot say."""
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return None


def find_device(device: str) -> torch.device:
    check_device(device)
    if device == "cuda" and not torch.cuda.is_available():
        raise no_device(device, TORCH, "torch.cuda.is_available() is False")
    return torch.device(device)


def from_numpy(array: np.ndarray, device: str = "cpu") -> torch.Tensor:
    # np.array makes the copy writeable and C-contiguous; torch knows no NumPy bfloat16, so it crosses by its bits.
    copy = np.array(array, order="C")
    if copy.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(copy.view(np.uint16)).view(torch.bfloat16).to(device)
    return torch.from_numpy(copy).to(device)


def to_numpy(value: Any) -> np.ndarray:
    if not isinstance(value, torch.Tensor):
        return np.array(value)
    value = value.detach().resolve_conj().resolve_neg().cpu().contiguous()
    if value.dtype == torch.bfloat16:
        return value.view(torch.uint16).numpy().view(ml_dtypes.bfloat16).copy()
    return value.numpy().copy()


def leaves(tree: Any) -> dict[str, Any]:
    return named_leaves(tree, Kind.OUTPUT)


def is_inexact(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor) and (leaf.is_floating_point() or leaf.is_complex())


def evaluate(
    function: Callable[..., Any],
    call: Call,
    arrays: Mapping[str, torch.Tensor],
    wrt: tuple[str, ...],
    cotangent: Cotangent,
    compiled: bool,
) -> Evaluation:
    if compiled:
        function = compile_once(function, arrays, wrt, _matmul_precision())
    # Gradients go to `sources`; the function gets clones, so that it may write into its input without an error here.
    sources = {name: arrays[name].detach().requires_grad_() for name in wrt}
    clones = {name: source.clone() for name, source in sources.items()}
    # As the caller runs it: a training step differentiates inside, whatever is asked of it here. No compiled function can.
    with torch.enable_grad() if wrt or not compiled else torch.no_grad(), inner_derivatives(not compiled) as inner:
        outputs = leaves(call(function, {**arrays, **clones}))
    for name, clone in clones.items():
        if clone._version:  # written into: show the caller's copy what happened
            with torch.no_grad():
                arrays[name].copy_(clone)
    if not wrt or not (floating := {name: leaf for name, leaf in outputs.items() if is_inexact(leaf)}):
        return Evaluation(outputs, {}, inner.place, inner.is_held)
    pulled = _pulled_back(floating, sources, _cotangents(floating, cotangent))
    return Evaluation(outputs, pulled, inner.place, inner.is_held)


def _pulled_back(
    floating: Mapping[str, torch.Tensor], sources: Mapping[str, torch.Tensor], cotangents: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Gradients by `torch.autograd`; zeros for an input that no output depends on."""
    flowing = [name for name, leaf in floating.items() if leaf.requires_grad]
    if not flowing:
        return {name: torch.zeros_like(source) for name, source in sources.items()}
    pulled = torch.autograd.grad(
        [floating[name] for name in flowing],
        list(sources.values()),
        [cotangents[name] for name in flowing],
        allow_unused=True,
        materialize_grads=True,
    )
    return dict(zip(sources, pulled, strict=True))


def with_gradient(
    forward: Callable[..., Any], arrays: Mapping[str, torch.Tensor], wrt: tuple[str, ...], compiled: bool
) -> tuple[Callable[[Any], Any], Any]:
    def whole(arrays_and_cotangents: Any) -> dict[str, torch.Tensor]:
        arrays, cotangents = arrays_and_cotangents
        others = {name: array for name, array in arrays.items() if name not in wrt}

        def outputs(given: Mapping[str, torch.Tensor]) -> tuple[Any, Any]:
            named = forward({**others, **given})
            return {name: named.pop(name) for name in cotangents}, named

        given = {name: arrays[name] for name in wrt}
        floating, pull, rest = torch.func.vjp(outputs, given, has_aux=True)  # type: ignore[misc]
        return {**floating, **rest, **_named_gradients(pull(cotangents)[0])}

    def eager(arrays_and_cotangents: Any) -> dict[str, torch.Tensor]:
        arrays, cotangents = arrays_and_cotangents
        sources = {name: arrays[name].detach().requires_grad_() for name in wrt}
        named = forward({**arrays, **sources})
        floating = {name: named[name] for name in cotangents}
        return {**named, **_named_gradients(_pulled_back(floating, sources, cotangents))}

    with torch.no_grad():
        outputs = forward(arrays)
    floating = {name: leaf for name, leaf in outputs.items() if is_inexact(leaf)}
    return whole if compiled else eager, _cotangents(floating, seeded_cotangent)


def _named_gradients(gradients: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{_GRADIENT}{name}": leaf for name, leaf in gradients.items()}  # traced by Dynamo: plain strings


def _cotangents(floating: Mapping[str, torch.Tensor], cotangent: Cotangent) -> dict[str, torch.Tensor]:
    # Conjugated: autograd takes ∂L/∂x + i∂L/∂y of an output x + iy, and the loss is Re Σ cotangent · output.
    pulled = {n: torch.from_numpy(cotangent(n, tuple(leaf.shape), leaf.is_complex())) for n, leaf in floating.items()}
    return {
        name: pulled[name].conj().resolve_conj().to(device=leaf.device, dtype=leaf.dtype)
        for name, leaf in floating.items()
    }


def wait(output: Any) -> Any:
    if torch.cuda.is_available():  # on the CPU torch computes before it returns
        torch.cuda.synchronize()
    return output


def environment(device: str = "cpu", precision: str = HIGHEST) -> dict[str, Any]:
    find_device(device)
    is_callers, on_device = precision == CALLERS, torch.backends.mkldnn if device == "cpu" else torch.backends.cuda
    products = _matmul_precision() or f"fp32_precision {on_device.matmul.fp32_precision}"
    return {
        "version": torch.__version__,
        "devices": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count() if device == "cuda" else 0)]
        or ["cpu"],
        "threads": torch.get_num_threads(),
        "cpu_kernels": torch.backends.cpu.get_cpu_capability(),
        "matmul_precision": products if is_callers else "highest",
        "tf32": is_callers and cudnn.allow_tf32,
        "default_dtype": "float64 in the float64 rung, else float32",
    }
