"""One trial of a clock with a known true ratio: 1 for a function against itself, 1.05 for itself slowed down by 5 %."""

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
from parity.bench.subjects.candidates import candidates
from parity.bench.subjects.ready import frameworks, prepare
from parity.bench.subjects.subject import of_op
from parity.bench.timing.clock import Call, alternate
from parity.bench.timing.interval import paired_ratio
from parity.bench.timing.verdict import judge
from parity.errors import InputError
from parity.sides import COMPILERS

FUNCTIONS = tuple(COMPILERS.values())
# Attention that takes 0.2 to 0.4 ms: as short as the usual comparison, and long for the clock.
SIZES = {"T": 256, "S": 256, "H": 64, "Hv": 64}
# The slower function waits after each call until SLOWDOWN times its time has passed: the true ratio, call by call.
SLOWDOWN = 1.05
CONFIDENCE = 0.99
SAME, SLOWER = "same", "slower"
PARITY, MEDIANS, MINIMA = "parity", "pytest-benchmark, medians", "pytest-benchmark, minima"
METHODS = (PARITY, MEDIANS, MINIMA)
# pytest-benchmark gives no verdict; half of the slowdown is the fairest threshold.
LINE = 1 + (SLOWDOWN - 1) / 2

# Runs in a process of its own with default settings except for the time: one test after the other.
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
    """The answer of one method in one trial.

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
        """The entry of calibration.json."""
        return asdict(self)


def check_installed() -> None:
    """Raises InputError if pytest-benchmark is missing."""
    if importlib.util.find_spec("pytest_benchmark") is None:
        raise InputError(
            "calibrate: pytest-benchmark, which parity is compared with, is not installed; "
            'install it with: pip install "pytest-benchmark>=5.3.1"'
        )


@contextlib.contextmanager
def programs(names: Sequence[str] = FUNCTIONS) -> Iterator[Mapping[str, Call]]:
    """Name → compiled attention, ready to be called; calls rotate through four sets of inputs."""
    subject = of_op(ops.load("attention"), "forward", "float32", SIZES)
    with frameworks(subject.dtype) as compilations:
        chosen = [candidate for candidate in candidates(subject) if candidate.name in names]
        yield {one.name: prepare(one, subject, "cpu", compilations[one.backend]).call for one in chosen}


def slowed(call: Call) -> Call:
    """The call with a busy wait after it: together they take `SLOWDOWN` times as long as the call."""

    def slow_call(number: int) -> object:
        started = time.perf_counter()
        output = call(number)
        until = started + SLOWDOWN * (time.perf_counter() - started)
        while time.perf_counter() < until:
            pass
        return output

    return slow_call


def by_parity(call: Call, function: str, kind: str, seconds: float) -> Trial:
    """Times the call, slowed down if `kind` says so, against itself with an A/A control, in `seconds` in all."""
    other = call if kind == SAME else slowed(call)
    samples = alternate({"base": call, "control": call, "other": other}, budget_s=seconds)
    ratio = paired_ratio(*samples.pairs("other", "base"), CONFIDENCE)
    control = paired_ratio(*samples.pairs("control", "base"), CONFIDENCE)
    return Trial(PARITY, function, kind, ratio.value, str(judge(ratio, control, samples.elapsed_s).speed))


def by_pytest_benchmark(function: str, seconds: float) -> list[Trial]:
    """Both kinds of trials by medians and by minima, with half of `seconds` for each side.

    Raises:
        RuntimeError: pytest failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test_speed.py"
        path.write_text(_TESTS.format(function=function), encoding="utf-8")
        (path.parent / "pytest.ini").touch()  # or pytest looks for settings in the folders above
        options = ["-q", "-p", "no:cacheprovider", f"--benchmark-max-time={seconds / 2}"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, f"--benchmark-json={folder}/times.json", str(path)],
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            output = " / ".join((done.stdout + done.stderr).strip().splitlines()[-5:])
            raise RuntimeError(f"pytest-benchmark ended with exit code {done.returncode}: {output}")
        times = json.loads((path.parent / "times.json").read_text(encoding="utf-8"))
    stats = {one["name"]: one["stats"] for one in times["benchmarks"]}
    return [
        trial(method, function, kind, stats[above][number] / stats[below][number])
        for kind, (above, below) in _PAIRS.items()
        for method, number in ((MEDIANS, "median"), (MINIMA, "min"))
    ]


def trial(method: str, function: str, kind: str, ratio: float) -> Trial:
    """A trial of pytest-benchmark: FASTER or SLOWER beyond `LINE`."""
    verdict = "SLOWER" if ratio > LINE else "FASTER" if ratio < 1 / LINE else "SAME"
    return Trial(method, function, kind, ratio, verdict)
