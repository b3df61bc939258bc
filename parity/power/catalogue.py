"""The catalogue of planted faults and of correct ports.

A file `functions/<name>.py` holds one function that people port, written by hand in each framework's own idiom. It
imports no framework until a callable is built:

    inputs(seed)                  keyword inputs: float32 and int64 arrays, nested dictionaries of them, Python ints
    jax_function(**knobs)         the JAX side; without knobs it is correct, each knob plants a fault
    torch_function(**knobs)       the same for PyTorch
    FAULTS                        which knobs are faults, on which side, and their true cause
    PORTS                         the same function in other correct idioms
    STATE                         the names of the outputs that are state (optional)
    WEAK                          idiom → regime → why its arithmetic is worse there than the function deserves (optional)
"""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any

from parity.sides import JAX, SIDES, TORCH

CAUSES = (
    "constant factor", "scale by another dimension", "transposed axes", "permuted axes", "reversed index",
    "shifted index", "sign", "missing bias", "doubled bias", "mask off by one", "mask aligned at the other corner",
    "inverted mask", "softmax axis", "reduction axis", "eps value", "eps placement", "biased variance",
    "mean against sum", "gelu form", "another activation", "rope pairing", "coupled weight decay",
    "weight decay value", "bias correction", "stopped gradient", "wrong gradient rule", "low-precision table",
    "low-precision step", "missing term", "momentum convention", "gate order", "padding side", "tie rule",
    "clamp bound", "update order",
)  # fmt: skip
# `WEAK` of torch's scaled_dot_product_attention: its backward recomputes the weights from the log-sum-exp.
FUSED = dict.fromkeys(
    ("wide", "offset"), "weights recomputed as exp(logit - log-sum-exp): large logits leave them no digit"
)
DTYPES = ("float64", "float32", "bfloat16")


@dataclass(frozen=True)
class Fault:
    """Knobs that make one side wrong.

    `kind` says where it shows: "forward" in the outputs, "gradient" in gradients alone, "state" in state outputs alone.
    """

    cause: str
    side: str
    knobs: Mapping[str, Any]
    kind: str = "forward"


@dataclass(frozen=True)
class Port:
    """Another correct idiom of a function, for the `dtypes` it is meant for; `reason` says why some are left out."""

    side: str
    build: Callable[[], Callable[..., Any]]
    dtypes: tuple[str, ...] = DTYPES
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """A JAX and a PyTorch callable to be judged: different if `fault` is given, the same function otherwise.

    `weak` says, for a side and a regime, why that side's arithmetic is bad there: parity is right to name that side.
    """

    name: str
    function: str
    jax: Callable[[], Callable[..., Any]]
    torch: Callable[[], Callable[..., Any]]
    inputs: Callable[[int], dict[str, Any]]
    fault: Fault | None = None
    dtypes: tuple[str, ...] = DTYPES
    reason: str = ""
    state: tuple[str, ...] = ()
    weak: Mapping[tuple[str, str], str] = field(default_factory=dict)


def plant(cause: str, sides: str = " ".join(SIDES), kind: str = "forward", **knobs: Any) -> tuple[Fault, ...]:
    """One fault for each side in `sides`."""
    return tuple(Fault(cause, side, knobs, kind) for side in sides.split())


def functions() -> list[str]:
    """The names of all functions, no framework imported."""
    from parity.power import functions as package

    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


def load(function: str) -> ModuleType:
    """The module of one function."""
    return importlib.import_module(f"parity.power.functions.{function}")


def faults() -> Iterator[Comparison]:
    """Every planted fault, against the correct function on the other side."""
    for function in functions():
        module = load(function)
        for fault in module.FAULTS:
            knobs = ",".join(f"{name}={value}" for name, value in fault.knobs.items())
            yield Comparison(
                f"{function}/{fault.side}/{knobs}",
                function,
                partial(module.jax_function, **fault.knobs) if fault.side == JAX else module.jax_function,
                partial(module.torch_function, **fault.knobs) if fault.side == TORCH else module.torch_function,
                module.inputs,
                fault,
                state=getattr(module, "STATE", ()),
            )


def ports() -> Iterator[Comparison]:
    """Every correct JAX idiom against every correct PyTorch idiom of the same function."""
    for function in functions():
        module = load(function)
        idioms = (Port(JAX, module.jax_function), Port(TORCH, module.torch_function), *module.PORTS)
        jax, torch = ([port for port in idioms if port.side == side] for side in SIDES)
        for left, right in itertools.product(jax, torch):
            yield Comparison(
                f"{function}/{left.build.__name__}/{right.build.__name__}",
                function,
                left.build,
                right.build,
                module.inputs,
                dtypes=tuple(dtype for dtype in left.dtypes if dtype in right.dtypes),
                reason="; ".join(dict.fromkeys(port.reason for port in (left, right) if port.reason)),
                state=getattr(module, "STATE", ()),
                weak={
                    (port.side, regime): reason
                    for port in (left, right)
                    for regime, reason in getattr(module, "WEAK", {}).get(port.build.__name__, {}).items()
                },
            )


def weaknesses() -> Iterator[tuple[str, str, str]]:
    """Idiom, regime and reason of all arithmetic that the catalogue calls weak."""
    for function in functions():
        for idiom, regimes in getattr(load(function), "WEAK", {}).items():
            for regime, reason in regimes.items():
                yield f"{function}/{idiom}", regime, reason
