"""Runs torch code so that every floating step is in float64: what asks for less is overruled, and noted with its place.

The function mode sees what the caller's Python asks for, before a number is rounded; the dispatch mode sees what is left: casts
of autocast, backward passes, kernels that choose a dtype themselves, and tensors that the caller's code holds in less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.weak import WeakIdKeyDictionary

from parity.execution.lifting import LOW_DTYPES, Kind, PinnedStep, is_rounded, signs, special
from parity.execution.lifting.place import caller

Note = Callable[[PinnedStep], None]
_LOW = {getattr(torch, name) for name in LOW_DTYPES}
_CASTS = {"float": torch.float32, "half": torch.float16, "bfloat16": torch.bfloat16, "cfloat": torch.complex64}
# These hand out the bits of a number: they need the number that the code would have had.
_BITS = {"aten::view.dtype"}


def wide(dtype: Any) -> Any:
    """float64 or complex128 for a low precision, anything else as it is."""
    if not isinstance(dtype, torch.dtype) or dtype not in _LOW:
        return dtype
    return torch.complex128 if dtype.is_complex else torch.float64


def widened(value: Any) -> Any:
    """A tensor of low precision in float64, anything else as it is."""
    return value.to(wide(value.dtype)) if isinstance(value, torch.Tensor) and value.dtype in _LOW else value


class LiftedFunctions(TorchFunctionMode):
    """Overrules the dtypes that the caller's Python asks for."""

    def __init__(
        self, note: Note, depends: WeakIdKeyDictionary, held: set[tuple[str, tuple[int, ...]]], nudged: bool
    ) -> None:
        self.note, self.depends, self.held = note, depends, held
        self.nudge = torch.finfo(torch.float32).eps if nudged else 0.0

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Calls `function` with float64 in place of less."""
        if function == torch.Tensor.dtype.__get__:  # type: ignore[attr-defined]
            return wide(function(*args))  # a parameter that is held in less takes part in float64
        kwargs = dict(kwargs or {})
        name = getattr(function, "__name__", "")
        if name in _CASTS and args and isinstance(args[0], torch.Tensor) and len(args) == 1:
            self._asked(_CASTS[name], args)
            return args[0].to(wide(_CASTS[name]), **kwargs)
        if name == "rms_norm" and not (args[3:] or kwargs.get("eps")) and args[0].dtype == torch.float64:
            self.note(PinnedStep("float32", caller(), Kind.DEFINED))
            kwargs["eps"] = torch.finfo(torch.float32).eps
        if name == "type" and len(args) == 2 and isinstance(args[1], (str, type)):
            return self._type(function, args, kwargs)
        if name != "view":
            for dtype in (part for part in (*args, *kwargs.values()) if isinstance(part, torch.dtype) and part in _LOW):
                self._asked(dtype, args)
            args, kwargs = tuple(map(self._wide, args)), {key: self._wide(part) for key, part in kwargs.items()}
        return function(*args, **kwargs)

    def _wide(self, value: Any) -> Any:
        """A dtype or a number without less; the number nudged if it was rounded to float32 before it came here."""
        if not isinstance(value, (float, np.float32)) or not is_rounded(float(value)):
            return wide(value)
        self.held.add(("float32", ()))
        self.note(PinnedStep("float32", caller(), Kind.MADE))
        return float(value) * (1.0 + self.nudge)

    def _asked(self, dtype: torch.dtype, args: Any) -> None:
        floating = [
            one for one in args if isinstance(one, torch.Tensor) and (one.is_floating_point() or one.is_complex())
        ]
        if any(one.dtype not in _LOW for one in floating) or not floating:
            depends = any(one in self.depends for one in floating)
            self.note(PinnedStep(_name(dtype), caller(), Kind.NARROWED if depends else Kind.MADE))

    def _type(self, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """`x.type(torch.FloatTensor)` and `x.type("torch.HalfTensor")`."""
        kind = args[1] if isinstance(args[1], str) else f"{args[1].__module__}.{args[1].__name__}"
        names = {"FloatTensor": torch.float32, "HalfTensor": torch.float16, "BFloat16Tensor": torch.bfloat16}
        dtype = names.get(kind.rpartition(".")[2])
        if dtype is None:
            return function(*args, **kwargs)
        self._asked(dtype, args)
        return args[0].to(torch.float64)


class LiftedKernels(TorchDispatchMode):
    """Overrules the dtypes that reach the kernels."""

    def __init__(
        self, note: Note, depends: WeakIdKeyDictionary, held: set[tuple[str, tuple[int, ...]]], nudged: bool
    ) -> None:
        super().__init__()
        self.note, self.depends, self.held, self.nudged = note, depends, held, nudged
        self.special: list[tuple[str, tuple[Any, ...], torch.Tensor]] = []
        # A tensor of low precision that the caller's code writes into → its float64 twin.
        self.twins: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: nothing is compiled under this mode, and to keep Dynamo away from it, torch would import it, for seconds."""
        return False

    def __torch_dispatch__(
        self, kernel: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Runs `kernel` on float64."""
        kwargs = dict(kwargs or {})
        if kernel._schema.name + "." + kernel._overloadname in _BITS:
            return self._bits(kernel, args, kwargs)
        written = [one for one in args if isinstance(one, torch.Tensor)][:1] if kernel._schema.is_mutable else []
        if written and written[0].dtype in _LOW and id(written[0]) not in self.twins:
            self.twins[id(written[0])] = (written[0], widened(written[0]))
        for dtype in (part for part in (*args, *kwargs.values()) if isinstance(part, torch.dtype) and part in _LOW):
            floating = [
                one for one in args if isinstance(one, torch.Tensor) and one.dtype in (torch.float64, torch.complex128)
            ]
            if floating:
                self.note(PinnedStep(_name(dtype), caller(), Kind.NARROWED))
        depends = any(isinstance(one, torch.Tensor) and one in self.depends for one in tree_leaves((args, kwargs)))
        args, kwargs = tree_map(self._lifted, (tuple(args), kwargs))
        results = tree_map(widened, kernel(*args, **kwargs))
        if kernel._schema.name in special.TORCH_NAMES:
            self.special.append((special.TORCH_NAMES[kernel._schema.name], args, results))
        if depends:
            for one in tree_leaves(results):
                if isinstance(one, torch.Tensor) and (one.is_floating_point() or one.is_complex()):
                    self.depends[one] = True
        return results

    def _lifted(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return wide(value)
        twin = self.twins.get(id(value))
        if twin or value.dtype not in _LOW:
            return twin[1] if twin else value
        # Everything else was lifted before: the caller's code holds this one.
        self.held.add((_name(value.dtype), tuple(value.shape)))
        self.note(PinnedStep(_name(value.dtype), "", Kind.HELD))
        unit = torch.finfo(value.dtype).eps * torch.from_numpy(signs(tuple(value.shape))) if self.nudged else 0.0
        return widened(value) * (1 + unit)

    def _bits(self, kernel: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        tensor, dtype = args[0], args[1]
        same_width = {torch.int32: torch.float32, torch.int16: torch.float16}
        if tensor.dtype == torch.float64 and dtype in same_width:
            narrow = same_width[dtype]
            self.note(PinnedStep(_name(narrow), caller(), Kind.NOT_LIFTED, "view of the bits"))
            return kernel(tensor.to(narrow), dtype, **kwargs)
        return widened(kernel(tensor, dtype, **kwargs))


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
