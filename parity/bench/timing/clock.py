"""Times calls by turns: each round times every candidate once, in a changing order.

A slow moment of the machine then hits all candidates alike and cancels in the ratio of two samples of one round.
"""

from __future__ import annotations

import contextlib
import gc
import math
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

# Runs a candidate on its number-th set of inputs and returns when the output is complete.
Call = Callable[[int], object]

# Shorter calls are timed several at once: the clock and the loop take about 0.1 µs. Longer ones are timed singly: the finer the
# turns, the better the machine's noise cancels in a ratio (jax.jit against itself, 1.5 s each: standard deviation 0.45 % with
# single calls, 0.50 % with the fastest of four, 1.2 % with means of four). A function timed against itself needs no untimed calls
# in between and gets twice the samples: 0.28 % instead of 0.49 % in 2 s.
SAMPLE_S = 5e-5
# Fewer rounds give no 99 % interval for a median: the extremes of 8 samples enclose it with 99.2 %.
LEAST_ROUNDS = 8
# `is_enough` is asked after so many rounds, and then whenever there are a tenth more.
FIRST_LOOK = 16
WARM_UP_CALLS = 3
# A candidate that takes more than twice the median of all takes part in fewer rounds, at least in every fourth: it would use up
# most of the budget, and the comparison that matters is among the others.
SLOW, RAREST = 2.0, 4
# Candidates of secondary interest take part in every second round.
SELDOM = 2
# Measured: after its last call a thread of torch's OpenMP pool spins for 10 ms and takes a processor from whoever comes next. JAX
# against itself, with one of the two following a call of torch, came out 1.35 times as slow.
SPIN_LIMIT_S = 0.05
SPIN_SLICE_S = 1e-3
IDLE = 0.3
# So that waiting does not take most of the time, a framework runs several rounds before the other has its turns: as many as last
# BLOCK_S, at most MOST_ROUNDS. One program in both groups, 22 times 1.5 s each: half the interval was 2.4 % (jax.jit) and 1.8 %
# (torch.compile) instead of 3.1 % and 2.6 %, and ratios were off by what the intervals say (1.1 times their standard deviation).
# With blocks twice as long they were off twice as much: the rounds of a block are slowed down together.
BLOCK_S, MOST_ROUNDS = 0.02, 8


@dataclass
class Samples:
    """The times of all candidates.

    Attributes:
        seconds: candidate → round → seconds of one call.
        calls: candidate → calls in a sample; more than one if they are very short.
        processor_s: candidate → processor seconds of all threads in all its timed calls.
        wall_s: candidate → wall clock seconds of all its timed calls.
        stopped: why it ended: `precision` or `budget`.
        elapsed_s: seconds in all, with the untimed calls.
    """

    seconds: dict[str, dict[int, float]]
    calls: dict[str, int] = field(default_factory=dict)
    processor_s: dict[str, float] = field(default_factory=dict)
    wall_s: dict[str, float] = field(default_factory=dict)
    stopped: str = ""
    elapsed_s: float = 0.0

    @property
    def least(self) -> int:
        """Number of samples of the candidate that has the fewest."""
        return min(map(len, self.seconds.values()), default=0)

    def pairs(self, above: str, below: str) -> tuple[list[float], list[float]]:
        """The samples of two candidates, in seconds, from the rounds that both took part in."""
        both = [number for number in self.seconds[above] if number in self.seconds[below]]
        return [self.seconds[above][n] for n in both], [self.seconds[below][n] for n in both]

    def cpu_per_wall(self, name: str) -> float:
        """Processor seconds per second of wall clock: the mean number of busy threads."""
        return self.processor_s[name] / self.wall_s[name] if self.wall_s[name] else math.nan


def order(groups: Mapping[str, list[str]], block: int, rounds: int = 1) -> list[tuple[int, str]]:
    """The turns of a block of `rounds` rounds: (number of the round, candidate).

    One group after the other, in reverse in every second block. Within a group every second round is reversed (ABBA for two
    candidates), and the start rotates every second round.
    """
    turns = []
    for names in list(groups.values())[:: 1 if block % 2 == 0 else -1]:
        for number in range(block * rounds, (block + 1) * rounds):
            shift = number // 2 % len(names)
            rotated = names[shift:] + names[:shift]
            turns += [(number, name) for name in (rotated if number % 2 == 0 else rotated[::-1])]
    return turns


def until_idle() -> None:
    """Waits until no thread of this process is busy, at most `SPIN_LIMIT_S`."""
    end = time.perf_counter() + SPIN_LIMIT_S
    while time.perf_counter() < end:
        busy = time.process_time()
        time.sleep(SPIN_SLICE_S)
        if time.process_time() - busy < IDLE * SPIN_SLICE_S:
            return


def alternate(
    calls: Mapping[str, Call],
    *,
    budget_s: float,
    is_enough: Callable[[Samples], bool] = lambda samples: False,
    groups: Mapping[str, str] | None = None,
    seldom: Collection[str] = (),
    before: Callable[[str], None] = lambda name: None,
    flush: Callable[[], None] | None = None,
) -> Samples:
    """Times `calls` by turns until `is_enough`, or until `budget_s` seconds are over and each has `LEAST_ROUNDS` samples.

    Args:
        groups: candidate → whose threads it runs on. When the group changes, the clock waits until its threads sleep.
        seldom: candidates that take part in every second round only, so that the others get more samples.
        before: called with the name of a candidate before each of its turns.
        flush: empties the processor's caches before each sample, which then is a single call. Without it each sample follows an
            untimed call of the same program, so that its caches are warm whoever had the turn before. The untimed call is left
            out where the turn before was of the same program; candidates with equal calls are one program.
    """
    names = list(calls)
    names_of: dict[str, list[str]] = {}
    for name in names:
        names_of.setdefault((groups or {}).get(name, ""), []).append(name)
    samples = Samples(
        {name: {} for name in names}, processor_s=dict.fromkeys(names, 0.0), wall_s=dict.fromkeys(names, 0.0)
    )
    was_enabled = gc.isenabled()
    with _interrupt_afterwards():
        gc.collect()
    gc.disable()
    started = time.perf_counter()
    try:
        single: dict[str, float] = {}
        for name in names:
            before(name)
            single[name] = _fastest(calls[name])
            samples.calls[name] = 1 if flush else max(1, round(SAMPLE_S / single[name]))
        every = _periods({name: single[name] * samples.calls[name] for name in names}, seldom)
        rounds = _rounds(names_of, single, samples.calls)
        block, turn, look, latest = 0, 0, FIRST_LOOK, ""
        previous: Call | None = None
        while True:
            for number, name in order(names_of, block, rounds):
                # Two rounds at a time, one of each direction.
                if number // 2 % every[name] == 0:
                    before(name)
                    if groups and groups[name] != latest:
                        until_idle()
                        latest = groups[name]
                    if flush:
                        flush()
                    elif calls[name] != previous:
                        calls[name](turn)
                    _sample(samples, name, calls[name], number, turn + 1)
                    previous, turn = calls[name], turn + 1
            block += 1
            samples.elapsed_s = time.perf_counter() - started
            if block * rounds >= look and samples.least >= LEAST_ROUNDS:
                look = math.ceil(1.1 * block * rounds)
                if is_enough(samples):
                    samples.stopped = "precision"
                    return samples
            if samples.elapsed_s >= budget_s and samples.least >= LEAST_ROUNDS:
                samples.stopped = "budget"
                return samples
    finally:
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def _interrupt_afterwards() -> Iterator[None]:
    """Delays Ctrl-C to the end of the block: an exception in JAX's garbage collector callback would be lost."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or handler is None:
        yield
        return
    received: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: received.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if received:
        signal.raise_signal(signal.SIGINT)


def _periods(single_s: Mapping[str, float], seldom: Collection[str]) -> dict[str, int]:
    """Candidate → it takes part in one of so many rounds."""
    usual = sorted(single_s.values())[(len(single_s) - 1) // 2]
    least = {name: SELDOM if name in seldom else 1 for name in single_s}
    return {name: max(least[name], min(RAREST, int(s / (SLOW * usual)))) for name, s in single_s.items()}


def _rounds(groups: Mapping[str, list[str]], single_s: Mapping[str, float], calls: Mapping[str, int]) -> int:
    """How many rounds a group runs at a time; one if there is only one group."""
    round_s = sum(single_s[name] * (calls[name] + 1) for names in groups.values() for name in names) / len(groups)
    return 1 if len(groups) == 1 else max(1, min(MOST_ROUNDS, int(BLOCK_S / round_s)))


def _fastest(call: Call) -> float:
    """Seconds of the fastest of a few calls; at least the resolution of the clock."""
    fastest = math.inf
    for number in range(WARM_UP_CALLS):
        started = time.perf_counter()
        call(number)
        fastest = min(fastest, time.perf_counter() - started)
    return max(fastest, 1e-7)


def _sample(samples: Samples, name: str, call: Call, number: int, first: int) -> None:
    """Times the calls of one turn, starting with the `first` set of inputs."""
    repeats = samples.calls[name]
    busy, started = time.process_time(), time.perf_counter()
    for repeat in range(repeats):
        call(first + repeat)
    elapsed = time.perf_counter() - started
    samples.processor_s[name] += time.process_time() - busy
    samples.wall_s[name] += elapsed
    samples.seconds[name][number] = elapsed / repeats
