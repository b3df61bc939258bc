"""Runs the worker of each framework and judges each policy: same gradients, less memory, something recomputed."""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from parity.data.leaf import Kind
from parity.execution import backends
from parity.judge import tolerances
from parity.judge.finding import Finding, Verdict
from parity.processes.peak import ENVIRONMENT
from parity.processes.ranks import Rank, run_ranks
from parity.processes.settings import use_compilation_caches, use_threads
from parity.processes.worker import WorkerError
from parity.sides import JAX, SIDES, TORCH
from parity.transforms.checkpoint.cases import MODELS, PLAIN, POLICIES, Policy, inputs
from parity.transforms.compared import compared
from parity.transforms.outcome import CellOutcome

GROUP = "checkpoint"
TIMEOUT_S = 300.0
Results = Mapping[str, np.ndarray]


def run(
    progress: Callable[[str, float], None] = lambda step, fraction: None,
    frameworks: Sequence[str] = SIDES,
) -> Iterator[CellOutcome]:
    """Judges every policy on every model.

    Args:
        progress: called with the current step and the fraction that is done.
        frameworks: sides to run; with a single one, nothing is compared across.

    Raises:
        MissingBackendError: a framework is not installed.
    """
    for name in frameworks:
        backends.get(name)
    use_compilation_caches()
    use_threads(1)
    results: dict[str, Results] = {}
    problems: dict[str, str] = {}
    started = time.perf_counter()
    for count, name in enumerate(frameworks):
        progress(f"{name}: every policy", count / len(frameworks))
        try:
            results[name] = measured(name)
        except (WorkerError, OSError) as error:
            problems[name] = str(error)
    share = (time.perf_counter() - started) / (len(MODELS) * len(POLICIES))
    for model in MODELS:
        for each in POLICIES:
            yield judged(model, each, results, problems, share)


def measured(backend: str) -> dict[str, np.ndarray]:
    """Runs a worker of this framework: gradients `model/policy/grad/…` and figures `model/policy/figure/…`.

    Raises:
        WorkerError: the worker failed.
    """
    with tempfile.TemporaryDirectory(prefix="parity-checkpoint-") as name:
        return run_ranks(_work, 1, Path(name), (backend,), ENVIRONMENT, TIMEOUT_S)[0]


def _work(_: Rank, backend: str) -> dict[str, np.ndarray]:
    """Called in a process of its own, the only one that imports the framework's worker."""
    return importlib.import_module(f"{__package__}.{backend}_worker").work(inputs())


def judged(
    model: str, policy: Policy, results: Mapping[str, Results], problems: Mapping[str, str], seconds: float
) -> CellOutcome:
    """Judges one cell: SEMANTIC for other gradients, VACUOUS where checkpointing saved or recomputed nothing."""

    def outcome(verdict: Verdict, side: str | None, message: str, error: float = float("nan")) -> CellOutcome:
        return CellOutcome(model, GROUP, policy.name, verdict, side, message, error, seconds)

    if problems:
        return outcome(Verdict.ERROR, *next(iter(problems.items())))
    gradients = {side: _part(arrays, model, policy.name, Kind.GRADIENT) for side, arrays in results.items()}
    pairs: list[tuple[Finding, str | None]] = [
        (_same(gradients[side], _part(arrays, model, PLAIN, Kind.GRADIENT), f"{side} = without checkpoint"), side)
        for side, arrays in results.items()
    ]
    if len(gradients) > 1:
        pairs.append((_same(gradients[JAX], gradients[TORCH], f"{JAX} = {TORCH}"), None))
    worst, side = max(pairs, key=lambda pair: (pair[0].verdict.severity, pair[0].error))
    if not worst.verdict.passes:
        return outcome(worst.verdict, side, worst.message, worst.error)
    messages = []
    for side, arrays in results.items():
        figures, plain = (_figures(arrays, model, name) for name in (policy.name, PLAIN))
        messages.append(f"{side}: {described(figures, plain)}")
        if problem := wrong_with(figures, plain, policy.recomputes, policy.saves_memory(side, model)):
            return outcome(Verdict.VACUOUS, side, f"{problem}; {messages[-1]}", worst.error)
    return outcome(worst.verdict, None, "; ".join(messages), worst.error)


def _same(actual: Results, expected: Results, what: str) -> Finding:
    """Compares every gradient by itself: one that is all zero got lost."""
    return compared(actual, expected, what, every_leaf=True)


def wrong_with(figures: Mapping[str, int], plain: Mapping[str, int], recomputes: bool, saves_memory: bool) -> str:
    """What checkpointing should have recomputed or saved and did not, or did unasked; empty if all is well.

    Args:
        figures, plain: bytes and counts by name, with the policy and without a checkpoint.
    """
    more = {name: figures[name] - plain[name] for name in ("matmuls", "nonlinear")}
    if recomputes and not any(count > 0 for count in more.values()):
        return "nothing is recomputed"
    if not recomputes and any(more.values()):
        return "something is recomputed although everything is kept"
    less_kept = plain["saved_bytes"] - figures["saved_bytes"]
    if not saves_memory:
        return (
            "it keeps less than without a checkpoint: remove the exception from keeps_no_less" if less_kept > 0 else ""
        )
    if less_kept <= 0:
        return "it keeps no less for the backward pass"
    for name in ("compiled_bytes", "peak_bytes"):
        if name in figures and plain[name] - figures[name] < tolerances.PEAK_FALLS_BY * less_kept:
            return f"{name} does not fall by the bytes saved"
    return ""


def described(figures: Mapping[str, int], plain: Mapping[str, int]) -> str:
    """The figures of a policy beside those without a checkpoint, in one line."""
    kept, peak = (f"{plain[name] / 1e6:.1f} → {figures[name] / 1e6:.1f} MB" for name in ("saved_bytes", "peak_bytes"))
    again = f"{figures['matmuls'] - plain['matmuls']} products and {figures['nonlinear'] - plain['nonlinear']} exp or softmax"
    return f"kept {kept}, peak {peak}, {again} again"


def _part(results: Results, model: str, policy: str, kind: str) -> dict[str, np.ndarray]:
    prefix = f"{model}/{policy}/{kind}/"
    return {name.removeprefix(prefix): leaf for name, leaf in results.items() if name.startswith(prefix)}


def _figures(results: Results, model: str, policy: str) -> dict[str, int]:
    return {name: int(value) for name, value in _part(results, model, policy, "figure").items()}
