"""Structure first, values last: which leaves both sides have, and what differs before any number is compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from parity.data.input_variant import InputVariant
from parity.data.leaf import Kind, LeafName
from parity.execution.result import Result
from parity.execution.run_cache import RunCache
from parity.judge.finding import Finding, Verdict

UNCOMPARED = "gradients were not compared: they belong to outputs of other shapes, or complex on one side alone"
# 32 or 64 bits is a setting of JAX (x64), not a property of the function; any other width is.
_X64 = ({"int32", "int64"}, {"uint32", "uint64"})


def comparable(
    actual: Result, expected: Result, sides: tuple[str, str], dtype: str, mode: str
) -> tuple[list[str], list[Finding]]:
    """The leaves whose numbers can be compared, and a finding for each that cannot or was not."""
    findings = [
        Finding(
            leaf=problem.leaf,
            dtype=dtype,
            mode=mode,
            verdict=Verdict.INCONCLUSIVE if problem.is_undecided else Verdict.ERROR,
            side=side,
            message=problem.words,
        )
        for side, result in zip(sides, (actual, expected), strict=True)
        for problem in result.problems
    ]
    findings += [
        _written(name, side, dtype, mode, is_step=bool(result.inner))
        for side, result in zip(sides, (actual, expected), strict=True)
        for name in result.written
    ]
    failed = {problem.leaf for result in (actual, expected) for problem in result.problems}
    leaves: list[str] = []
    for kind, ours, theirs in (
        (Kind.OUTPUT, actual.outputs, expected.outputs),
        (Kind.GRADIENT, actual.gradients, expected.gradients),
    ):
        if Kind.OUTPUT in failed or kind in failed:
            continue
        if kind is Kind.GRADIENT and (ours or theirs) and _cotangents_differ(actual.outputs, expected.outputs):
            findings = [
                replace(f, notes=(*f.notes, UNCOMPARED)) if f.verdict is Verdict.STRUCTURE else f for f in findings
            ]
            continue
        if kind is Kind.OUTPUT and not ours and not theirs:
            findings.append(
                Finding("out", dtype, mode, Verdict.VACUOUS, message="neither side returns anything to compare")
            )
        only = {sides[0]: [n for n in ours if n not in theirs], sides[1]: [n for n in theirs if n not in ours]}
        if any(only.values()):
            message = "; ".join(f"only {side} returns {', '.join(names)}" for side, names in only.items() if names)
            findings.append(Finding(LeafName.of(kind), dtype, mode, Verdict.STRUCTURE, message=message))
        for name in (n for n in ours if n in theirs):
            difference = _difference(ours[name], theirs[name], sides)
            if difference:
                findings.append(Finding(name, dtype, mode, Verdict.STRUCTURE, message=difference))
            elif isinstance(ours[name], np.ndarray):
                leaves.append(name)
            else:
                findings.append(Finding(name, dtype, mode, Verdict.EXACT, message=f"{ours[name]!r} on both sides"))
    return leaves, findings


def _cotangents_differ(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Do both sides pull back arrays of other shapes, real ones on one side and complex ones on the other, or other outputs?"""
    shapes = [
        {
            n: (x.shape, x.dtype.kind == "c")
            for n, x in side.items()
            if isinstance(x, np.ndarray) and x.dtype.kind not in "iub"
        }
        for side in (ours, theirs)
    ]
    return shapes[0] != shapes[1]


def _written(name: str, side: str, dtype: str, mode: str, is_step: bool) -> Finding:
    """A function must not write into its inputs, unless it is a training step whose optimizer does as optimizers do."""
    if is_step:
        message = f"the {side} function trains its input {name} in place: the caller's own array changes with it"
        return Finding(f"in/{name}", dtype, mode, Verdict.EXACT, side, message=message, warning=True)
    message = f"the {side} function writes into its input {name}; return a new value instead"
    return Finding(f"in/{name}", dtype, mode, Verdict.SEMANTIC, side, message=message)


def _difference(actual: Any, expected: Any, sides: tuple[str, str]) -> str:
    """What differs between two leaves besides their numbers; empty if nothing."""
    one, other = sides
    if not isinstance(actual, np.ndarray) or not isinstance(expected, np.ndarray):
        same = type(actual) is type(expected) and actual == expected
        return "" if same else f"{one} returns {_described(actual)}, {other} returns {_described(expected)}"
    if actual.shape != expected.shape:
        return f"{one} returns shape {actual.shape}, {other} returns shape {expected.shape}"
    for value in (actual, expected):
        if value.dtype.kind not in "fiubc" and value.dtype.name != "bfloat16":
            return f"a leaf of dtype {value.dtype} cannot be compared; return numbers"
    if actual.dtype != expected.dtype and {actual.dtype.name, expected.dtype.name} not in _X64:
        return f"{one} returns dtype {actual.dtype}, {other} returns dtype {expected.dtype}"
    return ""


def of_reference(cache: RunCache, leaf: str, actual: np.ndarray, variant: InputVariant) -> str:
    """Why the reference cannot be compared with this leaf; empty if it can, and if there is none to compare."""
    if cache.reference is None or LeafName(leaf).is_gradient:
        return ""
    value = cache.reference_leaf(leaf, variant)
    if value is None:
        return "" if cache.reference_problem else f"both sides return {leaf}, the reference does not"
    if value.dtype.kind not in "fiubc":
        return f"the reference returns dtype {value.dtype}, expected numbers"
    if (value.dtype.kind == "c") != (actual.dtype.kind == "c"):
        return f"both sides return dtype {actual.dtype}, the reference returns dtype {value.dtype}"
    same = value.shape == actual.shape
    return "" if same else f"both sides return shape {actual.shape}, the reference returns shape {value.shape}"


def _described(value: Any) -> str:
    return f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else repr(value)
