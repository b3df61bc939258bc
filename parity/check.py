"""`check` and `assert_parity`: the way in, for anybody's pair of functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from parity import backends, verdict
from parity.arguments import parse
from parity.deviations import Deviation, apply, checked
from parity.dtypes import FLOATS
from parity.environment import environment
from parity.errors import InputError, ParityError
from parity.evidence import SIDES, Evidence, Values
from parity.finding import Finding, Verdict
from parity.inputs import REGIMES
from parity.report.report import Report
from parity.structure import comparable

LONGEST_S = 1e6  # more than a week, and five times that still fits the system's timer


def check(
    jax_fn: Callable[..., Any],
    torch_fn: Callable[..., Any],
    inputs: Any,
    *,
    reference: Callable[..., Any] | None = None,
    wrt: Any = "all",
    dtypes: Sequence[str] = ("float32",),
    modes: Sequence[str] = ("eager",),
    deviations: Iterable[Deviation] | str | Path = (),
    regimes: Sequence[str] = ("unit",),
    timeout_s: float = 60.0,
    name: str = "",
    progress: Callable[[str], None] = lambda step: None,
) -> Report:
    """Judges whether a JAX function and a PyTorch function compute the same thing.

    Float64 decides whether it is the same function; each of `dtypes` then asks whether the arithmetic is as good, both
    sides against one float64 truth. Gradients pull back one random cotangent, the same on both sides.

    Args:
        jax_fn: takes JAX arrays, returns a tree of arrays.
        torch_fn: the same signature with torch tensors.
        inputs: tuple of positional or mapping of keyword arguments; leaves are NumPy arrays or trees of them, anything
            else (int, str, None, callables) is handed on as it is. Never changed: both sides get copies.
        reference: the same function in NumPy, given float64 arrays; an optional third opinion.
        wrt: inputs to differentiate: "all" floating ones, names or positions, () for none.
        dtypes: precision rungs after float64: "float32", "bfloat16", "float16".
        modes: "eager", "compiled" (`jax.jit` against `torch.compile(fullgraph=True)`).
        deviations: declared, accepted differences: `Deviation` objects, or the path of a TOML file of them.
        regimes: kinds of inputs that are made of the caller's: "unit" are these themselves; see `parity.inputs.REGIMES`.
        timeout_s: seconds that one eager call of one side may take; a compiled call may take five times as long.
        name: heads the report; by default the name of `jax_fn`.
        progress: called with a few words before each step.

    Raises:
        InputError: the arguments cannot be used. What the functions do wrong is a finding, never an exception.
    """
    for side, function in (("jax_fn", jax_fn), ("torch_fn", torch_fn), ("reference", reference)):
        if not callable(function) and (function is not None or side != "reference"):
            raise InputError(f"{side}: got {type(function).__name__}, expected a function")
    rungs = ("float64", *(dtype for dtype in _chosen("dtypes", dtypes, tuple(FLOATS)) if dtype != "float64"))
    modes = _chosen("modes", modes, backends.MODES)
    if not modes:
        raise InputError(
            f"modes: got none, expected some of {', '.join(backends.MODES)}; without one nothing is compared"
        )
    if not isinstance(timeout_s, (int, float)) or not 0 < timeout_s <= LONGEST_S:
        raise InputError(f"timeout_s: got {timeout_s!r}, expected a number of seconds above 0, at most {LONGEST_S:g}")
    for side in SIDES:
        backends.get(side)
    arguments = parse(inputs, wrt, (jax_fn, torch_fn))
    evidence = Evidence({"jax": jax_fn, "torch": torch_fn}, arguments, reference, timeout_s)
    title = name or getattr(jax_fn, "__name__", type(jax_fn).__name__)
    declared = checked(deviations, title)
    findings: list[Finding] = []
    uninformative: list[Finding] = []
    for regime in _chosen("regimes", regimes, tuple(REGIMES)):
        for mode in modes if regime == "unit" else modes[:1]:
            for dtype in rungs:
                progress(f"{dtype} {mode}" + (f" {regime}" if regime != "unit" else ""))
                for finding in rung(evidence, dtype, mode, regime):
                    (uninformative if says_nothing(finding) else findings).append(finding)
    if evidence.reference_problem:
        words = f"the reference failed: {evidence.reference_problem.words}"
        findings.append(Finding("out", "float64", modes[0], Verdict.ERROR, message=words))
    return Report(title, tuple(apply(declared, findings)), environment(), tuple(uninformative))


def assert_parity(*args: Any, **kwargs: Any) -> None:
    """`check` with the same arguments; raises `ParityError`, with the report as its text, unless it passes."""
    report = check(*args, **kwargs)
    if not report.passed:
        raise ParityError(report)


def rung(evidence: Evidence, dtype: str, mode: str, regime: str = "unit") -> list[Finding]:
    """All findings of one precision in one mode, on the caller's inputs moved into a regime."""
    values = Values(dtype, regime=regime)
    jax, torch = (evidence.result(side, dtype, mode, values) for side in SIDES)
    leaves, structural = comparable(jax, torch, dtype, mode)
    findings = [replace(finding, regime=regime) for finding in structural]
    return findings + [verdict.judge(evidence, leaf, dtype, mode, values) for leaf in leaves]


def says_nothing(finding: Finding) -> bool:
    """Saturated or all NaN in a regime that parity made: no pass, and no failure of the functions either."""
    return finding.regime != "unit" and finding.verdict is Verdict.VACUOUS


def _chosen(argument: str, wanted: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    chosen = tuple(wanted) if isinstance(wanted, Iterable) and not isinstance(wanted, str) else (wanted,)
    for item in chosen:
        if item not in known:
            raise InputError(f"{argument}: got {item!r}, expected some of {', '.join(known)}")
    return tuple(dict.fromkeys(chosen))
