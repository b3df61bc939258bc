"""The order of turns, what ends a comparison, and that nothing is left behind; on a clock that only these tests move."""

from __future__ import annotations

import gc
import math
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.bench.timing import clock
from parity.bench.timing.clock import (
    BLOCK_S,
    FIRST_LOOK,
    LEAST_ROUNDS,
    MOST_ROUNDS,
    RAREST,
    SAMPLE_S,
    SELDOM,
    WARM_UP_CALLS,
    alternate,
    order,
)


class Time:
    """In place of the module `time`: it passes only when a call or a sleep says so."""

    def __init__(self):
        self.now = self.busy = 0.0
        self.spinning_until = 0.0

    def perf_counter(self):
        return self.now

    def process_time(self):
        return self.busy + min(self.now, self.spinning_until)

    def sleep(self, seconds):
        self.now += seconds


class Player:
    """A candidate that takes `seconds` on so many threads, and remembers what happened in `events`."""

    def __init__(self, time, name, seconds, events, threads=1.0):
        self.time, self.name, self.seconds, self.events, self.threads = time, name, seconds, events, threads

    def __call__(self, number):
        self.time.now += self.seconds
        self.time.busy += self.threads * self.seconds
        self.events.append((self.name, number))


@pytest.fixture
def time(monkeypatch):
    fake = Time()
    monkeypatch.setattr(clock, "time", fake)
    return fake


@pytest.fixture
def events():
    return []


@pytest.fixture
def players(time, events):
    def made(**seconds):
        return {name: Player(time, name, one, events) for name, one in seconds.items()}

    return made


def turns(events):
    """The names in order, each once for its consecutive calls, without the first calls of all."""
    names = [name for name, _ in events]
    return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]


class TestOrder:
    @pytest.mark.parametrize("rounds", [1, 2, 4])
    def test_two_go_abba(self, rounds):
        turns = [turn for block in range(4 // rounds) for turn in order({"": ["A", "B"]}, block, rounds)]
        assert "".join(name for _, name in turns) == "ABBABAAB"
        assert [number for number, _ in turns] == [0, 0, 1, 1, 2, 2, 3, 3]

    @settings(deadline=None)
    @given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 10**6), st.integers(1, 8))
    def test_each_once_a_round_and_groups_together(self, counts, block, rounds):
        groups = {str(group): [f"{group}.{one}" for one in range(count)] for group, count in enumerate(counts)}
        found = order(groups, block, rounds)
        numbers = range(block * rounds, (block + 1) * rounds)
        assert sorted(found) == sorted(
            (number, name) for number in numbers for names in groups.values() for name in names
        )
        assert len(turns([(name[0], 0) for _, name in found])) == len(groups)
        assert all(one <= other for (one, a), (other, b) in pairwise(found) if a[0] == b[0])

    @settings(deadline=None)
    @given(st.integers(1, 5), st.integers(1, 3))
    def test_each_is_as_often_early_as_late(self, count, rounds):
        names = [str(number) for number in range(count)]
        found = [order({"": names}, block, rounds) for block in range(2 * count)]
        flat = [name for one in found for _, name in one]
        places = [flat[index : index + count] for index in range(0, len(flat), count)]
        for name in names:
            assert sorted(one.index(name) for one in places) == sorted(2 * rounds * list(range(count)))

    def test_the_other_group_first_every_second_block(self):
        groups = {"jax": ["a", "b"], "torch": ["c"]}
        assert [order(groups, block)[0] for block in range(4)] == [(0, "a"), (1, "c"), (2, "b"), (3, "c")]
        assert order(groups, 1, 2) == [(2, "c"), (3, "c"), (2, "b"), (2, "a"), (3, "a"), (3, "b")]


class TestRounds:
    def test_every_candidate_in_every_round(self, players):
        samples = alternate(players(a=1e-3, b=1.5e-3, c=1e-3), budget_s=0.2)
        rounds = len(samples.seconds["a"])
        assert rounds >= LEAST_ROUNDS
        assert all(list(one) == list(range(rounds)) for one in samples.seconds.values())

    @pytest.mark.parametrize(("seconds", "period"), [(1.9e-3, 1), (4.5e-3, 2), (6.5e-3, 3), (1.0, RAREST)])
    def test_a_slow_one_in_fewer(self, players, seconds, period):
        samples = alternate(players(a=1e-3, b=1e-3, slow=seconds), budget_s=0.5)
        # Two rounds at a time, one of each direction.
        assert list(samples.seconds["slow"]) == [n for n in samples.seconds["a"] if n // 2 % period == 0]
        above, below = samples.pairs("slow", "a")
        assert len(above) == len(below) == samples.least

    def test_one_that_is_looked_at_by_the_way_in_fewer(self, players):
        samples = alternate(players(a=1e-3, b=1e-3, c=1e-3), budget_s=0.2, seldom=("c",))
        assert list(samples.seconds["a"]) == list(samples.seconds["b"])
        assert list(samples.seconds["c"]) == [n for n in samples.seconds["a"] if n // 2 % SELDOM == 0]

    def test_no_one_is_slow_beside_another_that_is(self, players):
        samples = alternate(players(a=1.0, b=1.0, fast=1e-3), budget_s=0.5)
        assert len(samples.seconds["a"]) == len(samples.seconds["fast"])

    def test_pairs_are_from_one_round(self, time):
        # All take longer later: only samples of the same round stand beside each other.
        def slower(_):
            time.now += 1e-3 * (1 + time.now)

        def rare(_):
            time.now += 8e-3 * (1 + time.now)

        samples = alternate({"a": slower, "a2": slower, "rare": rare}, budget_s=0.3)
        pairs = list(zip(*samples.pairs("rare", "a"), strict=True))
        assert pairs == [(seconds, samples.seconds["a"][number]) for number, seconds in samples.seconds["rare"].items()]
        # The turns of one round are at most three calls of `rare` apart.
        for above, below in pairs:
            assert above / below == pytest.approx(8, rel=0.026)

    def test_short_calls_are_timed_several_at_once(self, players):
        samples = alternate(players(short=1e-6, usual=3e-4, long=1e-2), budget_s=0.1)
        assert samples.calls == {"short": round(SAMPLE_S / 1e-6), "usual": 1, "long": 1}
        for name, seconds in (("short", 1e-6), ("usual", 3e-4), ("long", 1e-2)):
            assert list(samples.seconds[name].values()) == pytest.approx([seconds] * len(samples.seconds[name]))

    def test_a_call_that_is_not_timed_goes_before(self, players, events):
        alternate(players(a=1e-3, b=1e-3, c=1e-3), budget_s=0.05)
        # Two rounds, forth and back: c follows itself, so that its turn before is what warms the caches.
        later = [name for name, _ in events][3 * WARM_UP_CALLS :]
        assert "".join(later[:11]) == "aabbcccbbaa"

    def test_not_between_turns_of_one_program(self, players, events):
        players = players(a=1e-3)
        samples = alternate({"base": players["a"], "control": players["a"]}, budget_s=0.05)
        assert len(events) == 2 * WARM_UP_CALLS + 1 + sum(map(len, samples.seconds.values()))

    def test_methods_of_one_object_are_one_program(self, players, events):
        players = players(a=1e-3)
        samples = alternate({"base": players["a"].__call__, "control": players["a"].__call__}, budget_s=0.05)
        assert len(events) == 2 * WARM_UP_CALLS + 1 + sum(map(len, samples.seconds.values()))

    def test_each_call_sees_other_values_than_the_one_before(self, players, events):
        alternate(players(a=SAMPLE_S / 3), budget_s=0.05)
        numbers = [number for _, number in events][WARM_UP_CALLS:]
        assert numbers[:8] == [0, 1, 2, 3, 2, 3, 4, 3]
        assert all(one != other for one, other in pairwise(numbers[:8]))

    @pytest.mark.parametrize("sets", [2, 3, 4, 5])
    @pytest.mark.parametrize("count", range(1, 9))
    def test_each_candidate_is_timed_on_all_sets_alike(self, players, events, count, sets):
        players = players(**{str(number): 1e-3 for number in range(count)})
        alternate(players, budget_s=0.48 * count, before=lambda _: events.append(("told", -1)))
        timed = Counter(one for one, (name, _) in pairwise(events[1:]) if name == "told")
        for name in players:
            seen = Counter(number % sets for one, number in timed.elements() if one == name)
            assert len(seen) == sets
            assert min(seen.values()) >= 0.7 * max(seen.values())

    def test_threads_that_were_busy(self, time, events):
        samples = alternate({"two": Player(time, "two", 1e-3, events, threads=2.0)}, budget_s=0.05)
        assert samples.cpu_per_wall("two") == pytest.approx(2.0)


class TestStops:
    def test_at_the_budget(self, players):
        samples = alternate(players(a=1e-3, b=1e-3), budget_s=0.5)
        assert samples.stopped == "budget"
        assert 0.5 <= samples.elapsed_s < 0.5 + 5e-3

    def test_not_before_there_are_enough_rounds(self, players):
        samples = alternate(players(a=1.0, b=1.0), budget_s=0.5)
        assert (samples.stopped, samples.least) == ("budget", LEAST_ROUNDS)

    def test_the_slow_one_too_has_enough(self, players):
        samples = alternate(players(a=1e-3, b=1e-3, slow=1.0), budget_s=0.5)
        assert samples.least == LEAST_ROUNDS
        assert len(samples.seconds["a"]) == RAREST * (LEAST_ROUNDS - 2) + 2

    def test_when_it_is_precise(self, players):
        looks = []
        samples = alternate(
            players(a=1e-3, b=1e-3),
            budget_s=100.0,
            is_enough=lambda so_far: looks.append(len(so_far.seconds["a"])) or so_far.least >= 30,
        )
        assert samples.stopped == "precision"
        assert looks[0] == FIRST_LOOK
        assert looks[-1] >= 30 > looks[-2]
        assert all(later == math.ceil(1.1 * earlier) for earlier, later in pairwise(looks))

    def test_not_asked_before_the_slow_one_has_enough(self, players):
        looks = []
        alternate(
            players(a=1e-3, b=1e-3, slow=0.1),
            budget_s=100.0,
            is_enough=lambda so_far: looks.append(so_far.least) or True,
        )
        assert looks == [LEAST_ROUNDS]

    def test_precision_before_budget_when_both(self, players):
        assert alternate(players(a=1.0), budget_s=1e-9, is_enough=lambda _: True).stopped == "budget"
        assert alternate(players(a=1e-3), budget_s=16e-3, is_enough=lambda _: True).stopped == "budget"
        assert alternate(players(a=1e-3), budget_s=100, is_enough=lambda _: True).stopped == "precision"


class TestAround:
    def test_flush_before_each_single_call(self, players, events):
        samples = alternate(players(a=1e-5, b=1e-5), budget_s=0.001, flush=lambda: events.append(("flush", 0)))
        assert samples.calls == {"a": 1, "b": 1}
        after = [name for name, _ in events][2 * WARM_UP_CALLS :]
        assert set(after[::2]) == {"flush"}
        assert set(after[1::2]) == {"a", "b"}
        assert len(after) == 2 * sum(map(len, samples.seconds.values()))

    def test_flushing_is_not_timed(self, time, players):
        def flush():
            time.now += 1.0

        samples = alternate(players(a=1e-3), budget_s=5.0, flush=flush)
        assert max(samples.seconds["a"].values()) == pytest.approx(1e-3)

    def test_before_is_told_each_turn(self, players, events):
        samples = alternate(players(a=1e-3, b=1e-3), budget_s=0.1, before=lambda name: events.append(("told", name)))
        told = [(one, events[index + 1][0]) for index, (kind, one) in enumerate(events) if kind == "told"]
        assert all(name == called for name, called in told)
        assert len(told) == 2 + sum(map(len, samples.seconds.values()))

    @pytest.mark.parametrize(("seconds", "rounds"), [(1e-3, MOST_ROUNDS), (BLOCK_S / 4, 4), (BLOCK_S, 1)])
    def test_groups_run_together(self, players, events, seconds, rounds):
        groups = {"a": "x", "b": "y", "c": "x"}
        # With the call that is not timed, and two groups: three calls a round and group on average.
        samples = alternate(players(**dict.fromkeys("abc", 0.99 * seconds / 3)), budget_s=40 * seconds, groups=groups)
        after = turns(events[3 * WARM_UP_CALLS :])
        # As many changes as blocks: y ends one and begins the next.
        changes = sum(groups[one] != groups[other] for one, other in pairwise(after))
        assert changes * rounds == len(samples.seconds["a"])

    def test_one_group_makes_one_round_at_a_time(self, players):
        looks = []
        alternate(players(a=1e-3, b=1e-3), budget_s=0.1, is_enough=lambda so_far: looks.append(so_far.least) or False)
        assert looks[:2] == [FIRST_LOOK, math.ceil(1.1 * FIRST_LOOK)]

    def test_the_other_group_is_waited_for(self, time, players):
        starts = {"x": [], "y": []}

        def spinning(name):
            def call(_):
                starts[name].append(time.now)
                time.now += 1e-3
                if name == "x":
                    time.spinning_until = time.now + 10e-3

            return call

        alternate({"x": spinning("x"), "y": spinning("y")}, budget_s=0.2, groups={"x": "x", "y": "y"})
        ends = [start + 1e-3 for start in starts["x"][WARM_UP_CALLS:]]
        for start in starts["y"][WARM_UP_CALLS:]:
            latest = max((end for end in ends if end <= start), default=0.0)
            # Busy for as long as it spins; one slice more shows that it sleeps. Its own warm call comes after that.
            assert start - latest >= 10e-3

    def test_but_not_for_ever(self, time):
        time.spinning_until = math.inf
        clock.until_idle()
        assert clock.SPIN_LIMIT_S <= time.now <= clock.SPIN_LIMIT_S + 2 * clock.SPIN_SLICE_S

    @pytest.mark.parametrize("enabled", [True, False])
    @pytest.mark.parametrize("broken", [True, False])
    def test_the_garbage_collector_is_as_it_was(self, time, enabled, broken):
        seen = []

        def call(number):
            time.now += 1e-2
            seen.append(gc.isenabled())
            if broken and len(seen) > 10:
                raise RuntimeError("mine")

        before = gc.isenabled()
        try:
            (gc.enable if enabled else gc.disable)()
            if broken:
                with pytest.raises(RuntimeError, match="mine"):
                    alternate({"a": call}, budget_s=0.1)
            else:
                alternate({"a": call}, budget_s=0.1)
            assert gc.isenabled() is enabled
        finally:
            (gc.enable if before else gc.disable)()
        assert not any(seen)

    def test_an_interrupt_is_not_lost_in_the_garbage_collector(self, players, events):
        """As JAX has one, in which an exception is printed and forgotten."""

        def callback(phase, _):
            if phase == "start":
                gc.callbacks.remove(callback)
                signal.raise_signal(signal.SIGINT)

        handler = signal.getsignal(signal.SIGINT)
        gc.callbacks.append(callback)
        with pytest.raises(KeyboardInterrupt):
            alternate(players(a=1e-3), budget_s=0.1)
        assert events == []
        assert gc.isenabled()
        assert signal.getsignal(signal.SIGINT) is handler

    def test_in_another_thread_there_is_no_interrupt(self, players):
        with ThreadPoolExecutor() as pool:
            assert pool.submit(alternate, players(a=1e-3), budget_s=0.1).result().stopped == "budget"

    def test_a_clock_that_does_not_move(self, time):
        time.process_time = lambda: 0.0
        calls = []

        def call(number):
            calls.append(number)
            if len(calls) > WARM_UP_CALLS:
                time.now += 1e-6

        samples = alternate({"a": call}, budget_s=0.01)
        assert samples.calls["a"] == round(SAMPLE_S / 1e-7)
