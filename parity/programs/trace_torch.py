"""Traces a PyTorch function to a program: runs it once in float64 and records every operation below autograd."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch._decomp import decomposition_table
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from parity.data.leaf import Kind
from parity.data.tree import named_leaves
from parity.execution.backends import Call, torch_backend
from parity.programs.builder import Builder
from parity.programs.program import Program
from parity.programs.torch_operations import DECOMPOSED, HANDLERS
from parity.sides import TORCH

_LIBRARY = Path(torch.__file__).parent
_OWN = Path(__file__).parent
_CALLERS = (_OWN.parent / "causes", _OWN.parent / "data")  # they call the function: no line of the caller's code


class AliasedWrite(Exception):
    """An operation wrote into a tensor that shares its memory with another."""


class _Recorder(TorchDispatchMode):
    def __init__(self, builder: Builder) -> None:
        super().__init__()
        self.builder = builder
        self.known: dict[int, Any] = {}
        self.alive: list[Any] = []  # an id is unique only while its object lives
        self.sharing: dict[int, list[torch.Tensor]] = {}  # storage → the tensors in it
        self.stale: set[int] = set()

    def knows(self, value: torch.Tensor, ref: Any) -> None:
        """The tensor is the value of `ref` from here on."""
        self.known[id(value)] = ref
        self.alive.append(value)
        self.sharing.setdefault(_storage(value), []).append(value)

    def ref(self, value: torch.Tensor) -> Any:
        """The node of a tensor; a constant for one that was never seen."""
        if id(value) in self.stale:
            raise AliasedWrite
        if id(value) not in self.known:
            same = self._view(value)
            self.knows(value, self.builder.constant(value.detach().clone()) if same is None else self.ref(same))
        return self.known[id(value)]

    def _view(self, value: torch.Tensor) -> torch.Tensor | None:
        """A known tensor of the same numbers in memory: `Parameter(x)` and `x.data` are no operations."""

        def layout(x: torch.Tensor) -> tuple[Any, ...]:
            return x.data_ptr(), x.dtype, x.shape, x.stride()

        known = (other for other in self.sharing.get(_storage(value), ()) if id(other) in self.known)
        return next((other for other in known if layout(other) == layout(value)), None)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        opened = decomposition_table.get(func) if name in DECOMPOSED else None
        if name not in HANDLERS and opened is None and func._can_decompose():
            opened = func.decompose
        if opened is not None:
            with self:
                result = opened(*args, **kwargs)
            if result is not NotImplemented:
                return result
        self.builder.place = _place() or self.builder.place
        writes = func._schema.is_mutable and isinstance(args[0], torch.Tensor)
        if writes and name.removesuffix("_") in DECOMPOSED:  # as optimizers write: compute, then copy
            with self:
                return args[0].copy_(getattr(torch.ops.aten, name.removesuffix("_"))(*args, **kwargs))
        refs, named = tree_map_only(torch.Tensor, self.ref, (args, kwargs))
        shared = [(t, t.clone()) for t in self.sharing.get(_storage(args[0]), ()) if t is not args[0]] if writes else []
        result = func(*args, **kwargs)
        self.stale.update(id(t) for t, before in shared if not torch.equal(t, before))
        if writes:
            return self._write(name, args[0], refs, named, result)
        if not _tensors(result):  # a shape, a number, or a mark for the profiler, as optimizers set
            return result
        written = (
            HANDLERS[name](self.builder, *refs, **named)
            if name in HANDLERS
            else self._opaque(name, func, refs, named, result)
        )
        for tensor, ref in zip(_tensors(result), written if isinstance(written, list) else [written], strict=True):
            self.knows(tensor, ref)
        return result

    def _write(self, name: str, target: torch.Tensor, refs: Any, named: Any, result: Any) -> Any:
        plain = name.removesuffix("_")
        if plain == "copy":
            new = self.builder.add(
                "broadcast",
                refs[1],
                tuple(target.shape),
                tuple(range(target.ndim - len(self.builder.shape(refs[1])), target.ndim)),
            )
        elif plain in ("fill", "zero"):
            new = self.builder.add("fill", refs[1] if plain == "fill" else 0.0, tuple(target.shape), target.dtype)
        elif plain in HANDLERS:
            new = HANDLERS[plain](self.builder, *refs, **named)
        else:
            raise AliasedWrite(name)
        self.known[id(target)] = new
        return result

    def _opaque(self, name: str, func: Any, refs: Any, named: Any, result: Any) -> Any:
        outputs = self.builder.call(name, lambda *a: func(*a[:-1], **dict(a[-1])), *refs, tuple(named.items()))
        if isinstance(result, torch.Tensor):
            return outputs
        return [self.builder.add("item", outputs, number) for number in range(len(result))]


def _tensors(result: Any) -> list[torch.Tensor]:
    values = result if isinstance(result, (list, tuple)) else [result]
    return [value for value in values if isinstance(value, torch.Tensor)]


def _storage(value: torch.Tensor) -> int:
    return value.untyped_storage().data_ptr() or id(value)


def _place() -> str:
    frame = sys._getframe(2)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        inside = not {_LIBRARY, _OWN}.isdisjoint(path.parents)
        if not inside and path.name != "contextlib.py" and not str(path).startswith("<"):
            return "" if path.parent in _CALLERS else f"{path.name}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""


def trace(function: Callable[..., Any], call: Call, arrays: Mapping[str, np.ndarray]) -> Program:
    """The program of `function` called by `call` on `arrays`. Raises whatever the function raises."""
    try:
        return _trace(function, call, arrays)
    except AliasedWrite:
        return _trace(lambda *a, **k: torch.func.functionalize(function)(*a, **k), call, arrays)


def _trace(function: Callable[..., Any], call: Call, arrays: Mapping[str, np.ndarray]) -> Program:
    builder = Builder(TORCH)
    recorder = _Recorder(builder)
    with torch_backend.settings("float64"), sdpa_kernel(SDPBackend.MATH):
        given = {name: torch_backend.from_numpy(array) for name, array in arrays.items()}
        for name, tensor in given.items():
            recorder.knows(tensor, builder.input(name, tensor.clone()))
        with torch.enable_grad(), recorder:
            leaves = named_leaves(call(function, given), Kind.OUTPUT)
    outputs: dict[str, Any] = {}
    for name, leaf in leaves.items():
        if isinstance(leaf, torch.Tensor):
            outputs[name] = recorder.ref(leaf)
        elif leaf is not None and not isinstance(leaf, str):
            outputs[name] = leaf
    return builder.program(outputs)
