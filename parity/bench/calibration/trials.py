"""One trial of a clock on a function whose true ratio is known: 1 against itself, 1.05 against itself slowed down by 5 %."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from parity import ops
from parity.bench.subjects.candidates import COMPILED, candidates
from parity.bench.subjects.entry import frameworks, ready
from parity.bench.subjects.subject import of_op
from parity.bench.timing.clock import Call, alternate
from parity.bench.timing.interval import paired_ratio
from parity.bench.timing.verdict import judge
from parity.errors import InputError

FUNCTIONS = tuple(COMPILED.values())
# Attention that takes some 0.2 to 0.4 ms: as short as what is usually timed, and long for the clock.
SIZES = {"T": 256, "S": 256, "H": 64, "Hv": 64}
# The slower one waits after each call until so many times its time have passed: a true ratio, call by call.
SLOWDOWN = 1.05
CONFIDENCE = 0.99
SAME, SLOWER = "same", "slower"
PARITY, MEDIANS, MINIMA = "parity", "pytest-benchmark, medians", "pytest-benchmark, minima"
METHODS = (PARITY, MEDIANS, MINIMA)
# pytest-benchmark gives two numbers and no verdict; half of the slowdown is the fairest line to draw between them.
LINE = 1 + (SLOWDOWN - 1) / 2

# Compiled in a process of its own, run as anybody would: one test after the other, nothing set but the time.
_TESTS = """
import pytest

from parity.bench.calibration.trials import programs, slowed


@pytest.fixture(scope="module")
def call():
    with programs(({function!r},)) as calls:
        yield calls[{function!r}]


def test_first(benchmark, call):
    benchmark(call, 0)


def test_second(benchmark, call):
    benchmark(call, 0)


def test_slowed(benchmark, call):
    benchmark(slowed(call), 0)
"""
_PAIRS = {SAME: ("test_second", "test_first"), SLOWER: ("test_slowed", "test_second")}


@dataclass(frozen=True)
class Trial:
    """What one method said once.

    Attributes:
        kind: `same`, whose true ratio is 1, or `slower`, whose true ratio is `SLOWDOWN`.
        verdict: FASTER, SLOWER, SAME or CANNOT TELL.
    """

    method: str
    function: str
    kind: str
    ratio: float
    verdict: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def check_installed() -> None:
    """`InputError` without what parity's clock is set beside."""
    if importlib.util.find_spec("pytest_benchmark") is None:
        raise InputError(
            "calibrate: pytest-benchmark is not installed, but its times are set beside parity's; "
            'install it with: pip install "pytest-benchmark>=5.3.1"'
        )


@contextlib.contextmanager
def programs(names: Sequence[str] = FUNCTIONS) -> Iterator[Mapping[str, Call]]:
    """Compiled attention of these names, ready to be called, on four sets of inputs by turns."""
    subject = of_op(ops.load("attention"), "forward", "float32", SIZES)
    with frameworks(subject.dtype) as compilations:
        chosen = [candidate for candidate in candidates(subject) if candidate.name in names]
        yield {one.name: ready(one, subject, "cpu", compilations[one.backend]).call for one in chosen}


def slowed(call: Call) -> Call:
    """The call, and a wait in a loop after it, so that both together take `SLOWDOWN` times the call."""

    def calls(number: int) -> object:
        started = time.perf_counter()
        output = call(number)
        until = started + SLOWDOWN * (time.perf_counter() - started)
        while time.perf_counter() < until:
            pass
        return output

    return calls


def by_parity(call: Call, function: str, kind: str, seconds: float) -> Trial:
    """The other against the base, beside the base against itself as the control, within `seconds` in all."""
    other = call if kind == SAME else slowed(call)
    samples = alternate({"base": call, "control": call, "other": other}, budget_s=seconds)
    ratio = paired_ratio(*samples.pairs("other", "base"), CONFIDENCE)
    control = paired_ratio(*samples.pairs("control", "base"), CONFIDENCE)
    return Trial(PARITY, function, kind, ratio.value, str(judge(ratio, control, samples.elapsed_s).speed))


def by_pytest_benchmark(function: str, seconds: float) -> list[Trial]:
    """Both kinds of trials by medians and by minima, with half of `seconds` for each of the two sides.

    Raises:
        RuntimeError: it did not end well.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test_speed.py"
        path.write_text(_TESTS.format(function=function), encoding="utf-8")
        (path.parent / "pytest.ini").touch()  # or pytest looks for settings in the folders above
        words = ["-q", "-p", "no:cacheprovider", f"--benchmark-max-time={seconds / 2}"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *words, f"--benchmark-json={folder}/times.json", str(path)],
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            told = " / ".join((done.stdout + done.stderr).strip().splitlines()[-5:])
            raise RuntimeError(f"pytest-benchmark ended with exit code {done.returncode}: {told}")
        told = json.loads((path.parent / "times.json").read_text(encoding="utf-8"))
    stats = {one["name"]: one["stats"] for one in told["benchmarks"]}
    return [
        trial(method, function, kind, stats[above][number] / stats[below][number])
        for kind, (above, below) in _PAIRS.items()
        for method, number in ((MEDIANS, "median"), (MINIMA, "min"))
    ]


def trial(method: str, function: str, kind: str, ratio: float) -> Trial:
    """A trial of pytest-benchmark: beyond `LINE` to either side is a difference."""
    verdict = "SLOWER" if ratio > LINE else "FASTER" if ratio < 1 / LINE else "SAME"
    return Trial(method, function, kind, ratio, verdict)
