"""`check` and `assert_parity`: the way in, for anybody's pair of functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from parity.causes import ASKED, explain
from parity.data import gauge
from parity.data.arguments import parse
from parity.data.cases import replay_line, save_case
from parity.data.dtypes import FLOATS
from parity.data.inputs import REGIMES
from parity.errors import InputError
from parity.execution import backends
from parity.execution.environment import environment, matmul_precisions
from parity.execution.limits import check_seconds
from parity.execution.run_cache import RunCache
from parity.judge import conventions, ladder
from parity.judge.deviations import Deviation, apply, checked
from parity.judge.finding import Finding, Verdict
from parity.judge.report import ParityError, Report
from parity.sides import SIDES


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
    device: str = "cpu",
    up_to: Mapping[str, str] = MappingProxyType({}),
    precision: str = "highest",
    timeout_s: float = 60.0,
    causes_s: float = 20.0,
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
        wrt: inputs to differentiate: "all" floating and complex ones, names or positions, () for none.
        dtypes: precision rungs after float64: "float32", "bfloat16", "float16". Code that pins a precision is compared with
            every floating step in float64; a step below the highest of `dtypes` fails, so "float64" allows none.
        modes: "eager", "compiled" (`jax.jit` against `torch.compile(fullgraph=True)`).
        deviations: declared, accepted differences: `Deviation` objects, or the path of a TOML file of them.
        regimes: kinds of inputs that are made of the caller's: "unit" are these themselves; see `parity.data.inputs.REGIMES`.
        device: "cpu" or "cuda": where both sides run; both have to see it.
        up_to: outputs that the function defines only up to a sign, name ("out", "out/0") → "sign" (one for each column:
            eigenvectors, Q of a QR, U of an SVD; for a vector one of all) or "sign of rows" (one for each row: R of a QR, Vh of
            an SVD, components of a PCA). Each matrix of a batch has its own. They are aligned before anything is compared, and
            gradients pull back a cotangent of the aligned outputs.
        precision: of float32 products below the float64 rung: "highest" on both sides, or "caller": whatever the process is
            set to (TF32, bfloat16, a TPU's default). The report says what that is, and names it as the cause of a failure
            that it makes.
        timeout_s: seconds that one eager call of one side may take; a compiled call may take five times as long.
        causes_s: seconds that the search for the cause of a difference may take.
        name: heads the report; by default the name of `jax_fn`.
        progress: called with a few words before each step.

    Raises:
        InputError: the arguments cannot be used. What the functions do wrong is a finding, never an exception.
    """
    for side, function in (("jax_fn", jax_fn), ("torch_fn", torch_fn), ("reference", reference)):
        if not callable(function) and (function is not None or side != "reference"):
            raise InputError(f"{side}: got {type(function).__name__}, expected a function")
    asked = _chosen("dtypes", dtypes, tuple(FLOATS)) or ("float64",)
    rungs = ("float64", *(dtype for dtype in asked if dtype != "float64"))
    modes = _chosen("modes", modes, backends.MODES)
    if not modes:
        raise InputError(
            f"modes: got none, expected some of {', '.join(backends.MODES)}; without one nothing is compared"
        )
    chosen_regimes = _chosen("regimes", regimes, tuple(REGIMES))
    if not chosen_regimes:
        raise InputError(f"regimes: got none, expected some of {', '.join(REGIMES)}; without one nothing is compared")
    check_seconds("timeout_s", timeout_s)
    check_seconds("causes_s", causes_s)
    if precision not in backends.PRECISIONS:
        raise InputError(f"precision: got {precision!r}, expected one of {', '.join(backends.PRECISIONS)}")
    if not isinstance(name, str):
        raise InputError(f"name: got {type(name).__name__}, expected a string, which heads the report")
    for side in SIDES:
        backends.get(side).find_device(device)
    arguments = parse(inputs, wrt, (jax_fn, torch_fn))
    functions = dict(zip(SIDES, (jax_fn, torch_fn), strict=True))
    defined_up_to = gauge.parse(up_to)
    found = environment(device, precision)
    callers = matmul_precisions(found) if precision == backends.CALLERS else ""
    cache = RunCache.live(
        functions, arguments, reference, timeout_s, device, lifts=True, callers=callers, up_to=defined_up_to
    )
    _check_outputs(cache)
    title = name or getattr(jax_fn, "__name__", type(jax_fn).__name__)
    declared = checked(deviations, title)
    findings: list[Finding] = []
    uninformative: list[Finding] = []
    for regime in chosen_regimes:
        for finding in ladder.rungs(cache, rungs, modes if regime == "unit" else modes[:1], regime, progress, asked):
            (uninformative if ladder.is_uninformative(finding) else findings).append(finding)
    if cache.reference_problem:
        message = f"the reference failed: {cache.reference_problem.words}"
        findings.append(Finding("out", "float64", modes[0], Verdict.ERROR, message=message))
    judged = apply(declared, findings, uninformative)
    if any(finding.verdict in ASKED for finding in judged):
        progress("looking for the cause")
        judged = [_both(*pair) for pair in zip(judged, explain(cache, judged, causes_s), strict=True)]
        judged = conventions.told(judged)
    return Report(title, tuple(judged), found, tuple(uninformative))


def assert_parity(jax_fn: Callable[..., Any], torch_fn: Callable[..., Any], inputs: Any, **options: Any) -> None:
    """`check` with the same arguments; raises `ParityError`, with the report as its text, unless it passes.

    The inputs of a failed check are saved, and the report ends with the line that replays it.
    """
    report = check(jax_fn, torch_fn, inputs, **options)
    if not report.passed:
        raise ParityError(with_replay(report, (jax_fn, torch_fn), inputs, options))


def with_replay(report: Report, functions: tuple[Any, Any], inputs: Any, options: Mapping[str, Any]) -> Report:
    """The report with its inputs saved and the line that replays it; without where they cannot be saved."""
    try:
        return replace(report, replay=replay_line(functions, save_case(inputs, report.name), options))
    except (InputError, OSError) as error:
        return replace(report, replay=f"not saved: {error}")


def _check_outputs(cache: RunCache) -> None:
    """InputError for an `up_to` about an output that neither side has."""
    results = [cache.result(side, "float64", "eager") for side in cache.sides] if cache.up_to else []
    if any(result.outputs for result in results):
        gauge.check_leaves(cache.up_to, {name: leaf for result in results for name, leaf in result.outputs.items()})


def _both(judged: Finding, explained: Finding) -> Finding:
    """The causes that the ladder saw and those that the search found; what says where to look comes first."""
    seen, found = judged.causes, explained.causes
    causes = seen + found if any(cause.name == "NaN or infinity" for cause in seen) else found + seen
    return replace(explained, causes=tuple({cause.name: cause for cause in reversed(causes)}.values())[::-1])


def _chosen(argument: str, wanted: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    chosen = tuple(wanted) if isinstance(wanted, Iterable) and not isinstance(wanted, str) else (wanted,)
    for item in chosen:
        if item not in known:
            raise InputError(f"{argument}: got {item!r}, expected some of {', '.join(known)}")
    return tuple(dict.fromkeys(chosen))
