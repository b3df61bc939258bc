"""Hands samples taken by turns to pytest-benchmark, for its table, groups, JSON, `compare` and histograms.

    def test_speed(benchmark, candidate):
        comparison, samples = measure(of_pair("mine", jax_fn, torch_fn, inputs, "forward", "float32"), Settings())
        hand_over(benchmark, comparison, samples, candidate)

pytest-benchmark by itself times one test after the other: a slow minute of the machine looks like a slow function.
"""

from __future__ import annotations

from typing import Any

from parity.bench.results import TIMED, Comparison
from parity.bench.timing.clock import Samples


class Replay:
    """A timer that replays measured times: the start of a round, its end, the start of the next, …"""

    def __init__(self, seconds: list[float]) -> None:
        self._readings = iter([reading for sample in seconds for reading in (0.0, sample)])

    def __call__(self) -> float:
        """The next reading, in seconds."""
        return next(self._readings)


def hand_over(benchmark: Any, comparison: Comparison, samples: Samples | None, candidate: str) -> None:
    """Makes the samples of `candidate` the result of this test.

    Candidates of one subject form a group; the paired ratio, its interval, the verdict and the control are in `extra_info`.

    Raises:
        AssertionError: the candidate was not timed; the message says why.
    """
    rows = {row.name: row for row in comparison.candidates}
    message = rows[candidate].message if candidate in rows else f"there is no candidate {candidate}"
    if samples is None or candidate not in rows or rows[candidate].status != TIMED:
        benchmark.skipped = True  # or the unused fixture would fail a second time
        raise AssertionError(comparison.message or message)
    row, seconds = rows[candidate], list(samples.seconds[candidate].values())
    benchmark.group = f"{comparison.op} {comparison.kind} {comparison.dtype}"
    benchmark.extra_info.update(
        parity=row.parity,
        base=comparison.base,
        ratio=row.ratio,
        verdict=row.verdict,
        control=comparison.control,
        sizes=dict(comparison.sizes),
        calls_per_sample=samples.calls[candidate],
        cpu_per_wall=row.cpu_per_wall,
        flags=list(row.flags),
    )
    # The fixture has no public way to hand samples in.
    benchmark._timer = Replay(seconds)
    benchmark.pedantic(lambda: None, rounds=len(seconds), iterations=1)
