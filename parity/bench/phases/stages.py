"""Times the phases of one subject in one framework, in a process that has not imported the other."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

from parity import ops
from parity.bench.errors import why
from parity.bench.subjects.candidates import Candidate
from parity.bench.subjects.prepared import Prepared, on_inputs
from parity.bench.subjects.subject import Subject, of_op
from parity.data.dtypes import cast
from parity.execution import backends
from parity.processes.peak import peak_bytes
from parity.sides import COMPILERS, JAX, TORCH

COLD, WARM, PEAK = "cold", "warm", "peak"
# Calls for the steady time: enough for a median, at most about a second of slow ones.
STEADY_CALLS, LEAST_STEADY_CALLS, STEADY_S = 20, 3, 1.0

Wait = Callable[[Any], Any]


def start(backend: str, kinds: Sequence[str]) -> float:
    """Seconds of the first compilation in this process, x + 1 for three numbers: loading the compiler.

    Then compiles, untimed, a small attention of each of `kinds`: a compiler loads some parts at the first matrix product or the
    first gradient, and the first subject would pay for it (in torch with more than half of its time).
    """
    backends.get(backend)  # importing the framework is a phase of its own
    started = time.perf_counter()
    _FIRST_PROGRAM[backend]()
    elapsed = time.perf_counter() - started
    op = ops.load("attention")
    for kind in kinds:
        measured(WARM, backend, "cpu", op.name, kind, "float32", op.sizes[-1])
    return elapsed


def printed(code: str, timeout_s: float) -> str:
    """What a new Python process prints which runs `code` and nothing before.

    Raises:
        subprocess.SubprocessError: it failed, or took too long.
    """
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=True).stdout


def attempted(*arguments: Any) -> dict[str, Any]:
    """`measured(*arguments)`, or the `message` of what it raised."""
    try:
        return measured(*arguments)
    except (Exception, SystemExit) as error:
        return {"message": why(error)}


def measured(
    stage: str, backend: str, device: str, op: str, kind: str, dtype: str, sizes: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """One subject in one stage. Exceptions of its function pass through.

    Returns:
        In the stages COLD and WARM `compile_s`, `first_call_s` and `steady_s` in seconds, and `hits` and `misses` of the cache on
        disk during compilation; in the stage PEAK `peak_bytes`.
    """
    subject = alone(backend, op, kind, dtype, sizes)
    candidate = Candidate(COMPILERS[backend], backend, "compiled", subject.functions[backend])
    adapter, wait = candidate.adapter, candidate.adapter.wait
    variants = [{name: cast(array, dtype) for name, array in values.items()} for values in subject.variants]
    with adapter.settings(dtype, device):
        prepared = on_inputs(adapter, candidate.function, subject.arguments, kind, "compiled", variants, device)
        # Not before: making it ready may have traced parts of it.
        with adapter.fresh_compiler():
            if stage == PEAK:
                return {"peak_bytes": peak_bytes(lambda: wait(prepared.call(0)))}
            gc.collect()
            with adapter.count_disk_cache() as count:
                compile_s, first_call_s = _COMPILED[backend](prepared, wait)
                hits, misses = count()
            steady_s = _steady(prepared, wait)
    if backend == TORCH:
        compile_s -= steady_s
    return {
        "compile_s": compile_s,
        "first_call_s": first_call_s,
        "steady_s": steady_s,
        "hits": hits,
        "misses": misses,
    }


def alone(backend: str, name: str, kind: str, dtype: str, sizes: Mapping[str, int] | None = None) -> Subject:
    """As `parity.bench.subjects.subject.of_op`, without importing the other framework: it would take memory and garbage
    collection time.
    """
    return of_op(ops.load(name), kind, dtype, sizes, backends=(backend,))


def _steady(prepared: Prepared, wait: Wait) -> float:
    """Seconds of a warm call, the median of some."""
    seconds: list[float] = []
    wait(prepared.call(0))
    while len(seconds) < STEADY_CALLS and (len(seconds) < LEAST_STEADY_CALLS or sum(seconds) < STEADY_S):
        seconds.append(_seconds(lambda: wait(prepared.call(len(seconds)))))
    return median(seconds)


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _compiled_in_jax(prepared: Prepared, wait: Wait) -> tuple[float, float]:
    """Seconds of tracing and compilation, which JAX can do apart, and of the first call of the compiled program."""
    started = time.perf_counter()
    program = prepared.run.lower(prepared.sets[0]).compile()  # type: ignore[attr-defined]
    elapsed = time.perf_counter() - started
    return elapsed, _seconds(lambda: wait(program(prepared.sets[0])))


def _compiled_in_torch(prepared: Prepared, wait: Wait) -> tuple[float, float]:
    """Seconds of the first call, in which torch traces and compiles, and of the second."""
    return _seconds(lambda: wait(prepared.call(0))), _seconds(lambda: wait(prepared.call(1)))


def _first_in_jax() -> None:
    import jax

    jax.block_until_ready(jax.jit(lambda x: x + 1)(np.ones(3, np.float32)))


def _first_in_torch() -> None:
    import torch

    torch.compile(lambda x: x + 1)(torch.ones(3))


_FIRST_PROGRAM = {JAX: _first_in_jax, TORCH: _first_in_torch}
_COMPILED = {JAX: _compiled_in_jax, TORCH: _compiled_in_torch}
