"""How the cost grows with each axis: `jax.jit` and `torch.compile` at a few sizes, each after a parity check of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from parity import ops
from parity.bench.results import TIMED
from parity.bench.scaling import fit
from parity.bench.session import Stage, measure
from parity.bench.settings import Settings
from parity.bench.subjects.candidates import COMPILED
from parity.bench.subjects.subject import KINDS, kinds
from parity.bench.supervision.errors import why
from parity.bench.supervision.task import Task
from parity.errors import InputError
from parity.spec import Op

JAX, TORCH = COMPILED["jax"], COMPILED["torch"]
# Seconds that a point is timed for: it is a difference of factors that a sweep shows, not of percents.
BUDGET_S = 0.5
# What stays, while another axis moves: small, so that the largest point still takes about 10 ms and its check some seconds.
FIXED: Mapping[str, int] = {"B": 2, "N": 4, "T": 128, "S": 128, "H": 32, "Hv": 32, "D": 64, "F": 32, "C": 10}
FIXED_OF: Mapping[str, Mapping[str, int]] = {"train_step": {"B": 16, "T": 32, "D": 16}}
# Each a constant factor from the one before. All sizes of N divide all sizes of D, or none of the frameworks could run it.
SIZES: Mapping[str, tuple[int, ...]] = {
    "B": (1, 4, 16, 64),
    "N": (1, 2, 4, 8, 16),
    "T": (32, 64, 128, 256, 512, 1024),
    "S": (32, 64, 128, 256, 512, 1024),
    "H": (16, 32, 64, 128, 256),
    "Hv": (16, 32, 64, 128, 256),
    "D": (32, 64, 128, 256, 512),
    "F": (16, 64, 256, 1024),
    "C": (8, 32, 128, 512),
}
# In self-attention keys and values are as long as queries, and usually as wide.
TOGETHER: Mapping[str, str] = {"T": "S", "S": "T", "H": "Hv", "Hv": "H"}
# An axis that some operations know as a number among their inputs only.
CONSTANTS: Mapping[str, str] = {"N": "num_heads"}


@dataclass(frozen=True)
class Sweep:
    """One operation, one axis, and the sizes of all others.

    Attributes:
        sizes: those of `axis`, and of the axis that moves with it.
        fixed: the other axis letters → size; `N` too where it is a constant.
    """

    op: str
    kind: str
    dtype: str
    axis: str
    sizes: tuple[int, ...]
    fixed: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.op} {self.kind} {self.dtype} over {self.axis}"


def name(entry: Mapping[str, Any]) -> str:
    """The name of the sweep that an entry of bench.json is of."""
    return Sweep(entry["op"], entry["kind"], entry["dtype"], entry["axis"], ()).name


def task(chosen: Sweep, size: int) -> Task:
    """The comparison at one size."""
    op = ops.load(chosen.op)
    every = {**chosen.fixed, chosen.axis: size}
    if TOGETHER.get(chosen.axis) in op.sizes[0]:
        every[TOGETHER[chosen.axis]] = size
    constants = {name: every.pop(axis) for axis, name in _constants(op).items()}
    return Task(chosen.op, chosen.kind, chosen.dtype, every, constants, only_compiled=True, budget_s=BUDGET_S)


def _constants(op: Op) -> dict[str, str]:
    """Axis letter → input, for those that are constants of this operation."""
    return {axis: name for axis, name in CONSTANTS.items() if name in op.inputs}


def sweep(op_name: str, kind: str, axis: str, sizes: Sequence[int] | None = None, dtype: str = "float32") -> Sweep:
    """How any operation grows with one of its axes.

    Raises:
        InputError: no such operation, kind or axis, or sizes that are no whole numbers above 0.
    """
    op = ops.load(op_name)
    if kind not in kinds(op):
        reason = f"; {op_name} differentiates by itself" if kind in KINDS else ""
        raise InputError(f"kind: got {kind!r}, expected one of {', '.join(kinds(op))}{reason}")
    axes = (*op.sizes[0], *_constants(op))
    if axis not in axes:
        raise InputError(f"axis: got {axis!r}, expected one of {', '.join(axes)}, which {op_name} has")
    chosen = tuple(SIZES[axis] if sizes is None else sizes)
    if not chosen or any(type(size) is not int or size < 1 for size in chosen):
        raise InputError(f"sizes: got {list(chosen)!r}, expected whole numbers above 0, such as 32, 64, 128")
    usual = {**op.sizes[0], **FIXED, **FIXED_OF.get(op_name, {})}
    fixed = {letter: usual[letter] for letter in axes if letter not in (axis, TOGETHER.get(axis))}
    return Sweep(op_name, kind, dtype, axis, tuple(sorted(set(chosen))), fixed)


# The classes of a training step are told apart by sums over T and D that grow with both: with all sizes as large as elsewhere
# softmax is certain, and of gradients and loss float32 has few digits: with D = 256 the better side is 3e3 units off the truth.
# Each sweep meets the others in one point, which is measured once.
SWEEPS: tuple[Sweep, ...] = (
    *(
        sweep("multi_head_batched", kind, axis, sizes)
        for kind in KINDS
        for axis, sizes in (
            ("T", (32, 64, 128, 256, 512)),
            ("B", (2, 8, 32)),
            ("N", (1, 4, 16)),
            ("D", (64, 128, 256)),
        )
    ),
    sweep("train_step", "forward", "T", (16, 32, 64, 128)),
    sweep("train_step", "forward", "B", (4, 16, 64)),
    sweep("train_step", "forward", "D", (8, 16, 32, 64)),
)


def points(chosen: Sweep) -> list[tuple[int, Task]]:
    """The comparisons of a sweep, by rising size; each makes its inputs only when it is measured."""
    return [(size, task(chosen, size)) for size in chosen.sizes]


def point(size: int, comparison: Mapping[str, Any]) -> dict[str, Any]:
    """One size, from what `Comparison.to_dict` gave: the two times, their ratio torch.compile / jax.jit, and who is faster."""
    rows = {row["name"]: row for row in comparison["candidates"]}
    timed = {name: rows[name] for name in (JAX, TORCH) if name in rows and rows[name]["status"] == TIMED}
    found: dict[str, Any] = {
        "size": size,
        "seconds": {name: row["seconds"]["median"] for name, row in timed.items()},
        "errors": {name: row["seconds"]["error"] for name, row in timed.items()},
        "ratio": None,
        "verdict": "",
        "message": comparison["message"],
    }
    if found["message"]:
        return found
    broken = [
        f"{name}: {rows[name]['message'] if name in rows else 'missing'}" for name in (JAX, TORCH) if name not in timed
    ]
    ratio = timed[TORCH]["ratio"] if not broken else None
    if broken:
        found["message"] = "; ".join(broken)
    elif ratio is None or None in ratio.values():
        found["message"] = "too few rounds for an interval; give it more time"
    else:
        found |= {"ratio": dict(ratio), "verdict": timed[TORCH]["verdict"]}
        found["message"] = "; ".join(f"{name}: {flag}" for name, row in timed.items() for flag in row["flags"])
    return found


def assembled(chosen: Sweep, found: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A sweep as it stands in bench.json, from the points that there are so far."""
    rising = sorted(found, key=lambda one: one["size"])
    exponents = {}
    for name in (JAX, TORCH):
        there = [one for one in rising if one["seconds"].get(name) and one["errors"][name] is not None]
        times, errors = ([one[key][name] for one in there] for key in ("seconds", "errors"))
        fitted = fit.exponent([one["size"] for one in there], times, errors)
        exponents[name] = fitted.to_dict() if fitted else None
    return {
        "op": chosen.op,
        "kind": chosen.kind,
        "dtype": chosen.dtype,
        "axis": chosen.axis,
        "fixed": dict(chosen.fixed),
        "points": [dict(one) for one in rising],
        "exponents": exponents,
        "crossovers": [crossing.to_dict() for crossing in fit.crossovers(rising)],
        "summary": fit.summary(chosen.axis, rising),
    }


def measured(
    chosen: Sweep,
    settings: Settings,
    stage: Stage = lambda stage, candidate: None,
    told: Callable[[dict[str, Any]], None] = lambda so_far: None,
) -> dict[str, Any]:
    """A sweep in this process, each point timed for `BUDGET_S` at most after its own parity check.

    Args:
        told: called after each point with the sweep so far.
    """
    short = replace(settings, budget_s=BUDGET_S)
    found: list[dict[str, Any]] = []
    for size, one in points(chosen):
        try:
            comparison = measure(one.subject(), short, stage=stage, wanted=one.wants())[0].to_dict()
        except (Exception, SystemExit) as error:
            comparison = {"message": why(error), "candidates": []}
        found.append(point(size, comparison))
        told(assembled(chosen, found))
    return assembled(chosen, found)
