"""Runs the measurement over the whole catalogue in several processes, and adds it up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from parity.execution import environment
from parity.power import catalogue
from parity.power.judges import RULES
from parity.power.measure import Outcome, faults, ports
from parity.processes.pool import Progress, run_tasks

REGIMES = ("unit", "tiny", "wide", "offset")


@dataclass(frozen=True)
class Power:
    """The outcomes so far, and their sums.

    Attributes:
        place: where it was measured.
        done, total: tasks that are finished, of how many; `last` is the name of the one that ended last.
    """

    faults: tuple[Outcome, ...] = ()
    ports: tuple[Outcome, ...] = ()
    done: int = 0
    total: int = 0
    last: str = "starting"
    place: str = ""

    @property
    def complete(self) -> bool:
        """All tasks are finished."""
        return self.done == self.total > 0

    @property
    def passed(self) -> bool:
        """Complete, every fault detected, no false alarm."""
        return self.complete and self.detected == len(self.faults) > 0 < self.comparisons and not self.false_alarms

    @property
    def detected(self) -> int:
        """Faults that parity did not pass."""
        return sum(outcome.alarm for outcome in self.faults)

    @property
    def comparisons(self) -> int:
        """Judged comparisons of correct ports."""
        return sum(outcome.comparisons for outcome in self.ports)

    @property
    def false_alarms(self) -> list[str]:
        """Comparisons of correct ports that did not pass."""
        return [message for outcome in self.ports for message in outcome.false_alarms]

    @property
    def weak(self) -> int:
        """Comparisons that named a side whose arithmetic the catalogue calls weak."""
        return sum(outcome.weak for outcome in self.ports)

    def named(self, first: int) -> int:
        """Faults whose true cause is among the first so many that parity names."""
        return sum(outcome.cause in outcome.said[:first] for outcome in self.faults)

    def by_cause(self) -> list[tuple[str, int, int, int, int]]:
        """Cause, faults, detected, named first, named in the first three."""
        groups: dict[str, list[Outcome]] = {}
        for outcome in self.faults:
            groups.setdefault(outcome.cause, []).append(outcome)
        return [
            (
                cause,
                len(group),
                sum(o.alarm for o in group),
                sum(o.cause in o.said[:1] for o in group),
                sum(o.cause in o.said[:3] for o in group),
            )
            for cause, group in sorted(groups.items(), key=lambda item: -len(item[1]))
        ]

    def rules(self) -> list[tuple[str, int, int, int, int]]:
        """Rule, faults it saw, faults it was shown, correct pairs it refused, correct pairs it was shown."""
        rows = []
        for rule in RULES:
            seen, refused = ([o.others[rule] for o in group if rule in o.others] for group in (self.faults, self.ports))
            rows.append((rule, sum(seen), len(seen), sum(refused), len(refused)))
        return rows

    def verdicts(self) -> Counter[str]:
        """Verdict → comparisons of correct ports."""
        total: Counter[str] = Counter()
        for outcome in self.ports:
            total.update(outcome.verdicts)
        return total


def _task(
    _name: str, what: str, function: str, seed: int, regimes: tuple[str, ...], _progress: Progress
) -> tuple[str, list[Outcome]]:
    outcomes = faults(function, seed) if what == "faults" else ports(function, seed, regimes, compiled=seed == 0)
    return what, list(outcomes)


def run(
    seeds: int, functions: Sequence[str] = (), regimes: tuple[str, ...] = REGIMES, processes: int = 1
) -> Iterator[Power]:
    """Every fault once, every correct pair with `seeds` seeds, compiled with the first; yields what there is after each task."""
    chosen = tuple(functions) or tuple(catalogue.functions())
    work = [("faults", function, 0) for function in chosen]
    work += [("ports", function, seed) for seed in range(seeds) for function in chosen]
    tasks = [(f"{function}, {what}, seed {seed}", (what, function, seed, regimes)) for what, function, seed in work]
    outcomes: dict[str, list[Outcome]] = {"faults": [], "ports": []}
    place = environment.place()
    yield Power(total=len(tasks), place=place)
    for done, (name, (what, new)) in enumerate(run_tasks(_task, tasks, processes, lambda *_: None), 1):
        outcomes[what] += new
        faults, ports = (tuple(sorted(outcomes[what], key=lambda o: (o.name, o.seed))) for what in ("faults", "ports"))
        yield Power(faults, ports, done, len(tasks), name, place)
