"""How cost grows with an axis: `jax.jit` and `torch.compile` at a few sizes, each after its own parity check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from parity import ops
from parity.bench.errors import why
from parity.bench.results import TIMED
from parity.bench.scaling import fit
from parity.bench.session import Stage, measure
from parity.bench.settings import Settings
from parity.bench.subjects.subject import KINDS, kinds
from parity.bench.supervision.task import Task
from parity.errors import InputError
from parity.sides import COMPILERS, TORCH
from parity.spec import Op

# Seconds of timing for a point: a sweep shows factors, not percents.
BUDGET_S = 0.5
# The sizes of the other axes: small, so that the largest point takes about 10 ms and its parity check some seconds.
FIXED: Mapping[str, int] = {"B": 2, "N": 4, "T": 128, "S": 128, "H": 32, "Hv": 32, "D": 64, "F": 32, "C": 10}
FIXED_OF: Mapping[str, Mapping[str, int]] = {"train_step": {"B": 16, "T": 32, "D": 16}}
# Each a constant factor larger than the one before. Every size of N divides every size of D: otherwise neither framework runs.
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
# An axis that some operations take as a plain number among their inputs.
CONSTANTS: Mapping[str, str] = {"N": "num_heads"}


@dataclass(frozen=True)
class Sweep:
    """One operation, one axis, and the sizes of all others.

    Attributes:
        sizes: of `axis`, and of the axis that moves with it.
        fixed: the other axis letters → size, with `N` where it is a plain number.
    """

    op: str
    kind: str
    dtype: str
    axis: str
    sizes: tuple[int, ...]
    fixed: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`attention forward float32 over T`."""
        return f"{self.op} {self.kind} {self.dtype} over {self.axis}"

    def task(self, size: int) -> Task:
        """The comparison at one size; it makes its inputs only when it is measured."""
        op = ops.load(self.op)
        sizes = {**self.fixed, self.axis: size}
        if TOGETHER.get(self.axis) in op.sizes[0]:
            sizes[TOGETHER[self.axis]] = size
        constants = {name: sizes.pop(axis) for axis, name in _constants(op).items()}
        return Task(self.op, self.kind, self.dtype, sizes, constants, only_compiled=True, budget_s=BUDGET_S)


def _constants(op: Op) -> dict[str, str]:
    """Axis letter → name of the input that holds its size as a plain number."""
    return {axis: name for axis, name in CONSTANTS.items() if name in op.inputs}


def sweep(op_name: str, kind: str, axis: str, sizes: Sequence[int] | None = None, dtype: str = "float32") -> Sweep:
    """A sweep of any operation over one of its axes, by default at the sizes in `SIZES`.

    Raises:
        InputError: unknown operation, kind or axis, or sizes that are not whole numbers above 0.
    """
    op = ops.load(op_name)
    if kind not in kinds(op):
        reason = f"; {op_name} computes its own gradient" if kind in KINDS else ""
        raise InputError(f"kind: got {kind!r}, expected one of {', '.join(kinds(op))}{reason}")
    axes = (*op.sizes[0], *_constants(op))
    if axis not in axes:
        raise InputError(f"axis: got {axis!r}, expected one of {', '.join(axes)}, the axes of {op_name}")
    chosen = tuple(SIZES[axis] if sizes is None else sizes)
    if not chosen or any(type(size) is not int or size < 1 for size in chosen):
        raise InputError(f"sizes: got {list(chosen)!r}, expected whole numbers above 0, such as 32, 64, 128")
    usual = {**op.sizes[0], **FIXED, **FIXED_OF.get(op_name, {})}
    fixed = {letter: usual[letter] for letter in axes if letter not in (axis, TOGETHER.get(axis))}
    return Sweep(op_name, kind, dtype, axis, tuple(sorted(set(chosen))), fixed)


# The training step has small sizes: its logits are sums over T and D, so that at the usual sizes softmax saturates and float32
# keeps few digits of loss and gradients (with D = 256 the better side is 3e3 units off the truth).
# The sweeps of one operation cross in one point, which is measured once.
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


def point(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """What a sweep keeps of `Comparison.to_dict`: both times, their ratio torch.compile / jax.jit, and who is faster."""
    rows = {row["name"]: row for row in comparison["candidates"]}
    timed = {name: rows[name] for name in COMPILERS.values() if name in rows and rows[name]["status"] == TIMED}
    kept: dict[str, Any] = {
        "seconds": {name: row["seconds"]["median"] for name, row in timed.items()},
        "errors": {name: row["seconds"]["error"] for name, row in timed.items()},
        "ratio": None,
        "verdict": "",
        "message": comparison["message"],
    }
    if comparison["message"]:
        return kept
    if failed := [name for name in COMPILERS.values() if name not in timed]:
        reasons = (f"{name}: {rows[name]['message'] if name in rows else 'missing'}" for name in failed)
        return kept | {"message": "; ".join(reasons)}
    ratio = timed[COMPILERS[TORCH]]["ratio"]
    if ratio is None or None in ratio.values():
        return kept | {"message": "too few rounds for an interval; give it more time"}
    flags = "; ".join(f"{name}: {flag}" for name, row in timed.items() for flag in row["flags"])
    return kept | {"ratio": dict(ratio), "verdict": timed[COMPILERS[TORCH]]["verdict"], "message": flags}


def assembled(sweep: Sweep, points: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """The entry of a sweep in bench.json, from the points measured so far.

    Args:
        points: size → what `point` gave.
    """
    rising = [{"size": size, **points[size]} for size in sorted(points)]
    exponents = {}
    for name in COMPILERS.values():
        timed = [one for one in rising if one["seconds"].get(name) and one["errors"][name] is not None]
        seconds, errors = ([one[key][name] for one in timed] for key in ("seconds", "errors"))
        fitted = fit.exponent([one["size"] for one in timed], seconds, errors)
        exponents[name] = fitted.to_dict() if fitted else None
    return {
        "op": sweep.op,
        "kind": sweep.kind,
        "dtype": sweep.dtype,
        "axis": sweep.axis,
        "fixed": dict(sweep.fixed),
        "points": rising,
        "exponents": exponents,
        "crossovers": [crossing.to_dict() for crossing in fit.crossovers(rising)],
        "summary": fit.summary(sweep.axis, rising),
    }


def stored(entry: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The points of an entry of bench.json, by the names of their tasks."""
    sweep = Sweep(entry["op"], entry["kind"], entry["dtype"], entry["axis"], (), entry["fixed"])
    return {
        sweep.task(one["size"]).name: {key: value for key, value in one.items() if key != "size"}
        for one in entry["points"]
    }


def measured(
    sweep: Sweep,
    settings: Settings,
    stage: Stage = lambda stage, candidate: None,
    progress: Callable[[dict[str, Any]], None] = lambda so_far: None,
) -> dict[str, Any]:
    """A sweep in this process, each point timed for at most `BUDGET_S` after its own parity check.

    Args:
        progress: called after each point with the sweep so far.
    """
    points: dict[int, dict[str, Any]] = {}
    for size in sweep.sizes:
        task = sweep.task(size)
        try:
            short = replace(settings, budget_s=BUDGET_S)
            comparison = measure(task.subject(), short, stage=stage, wanted=task.wants())[0].to_dict()
        except (Exception, SystemExit) as error:
            comparison = {"message": why(error), "candidates": []}
        points[size] = point(comparison)
        progress(assembled(sweep, points))
    return assembled(sweep, points)
