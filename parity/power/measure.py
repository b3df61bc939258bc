"""Measures detection and false alarms on the catalogue, one function's pairs at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from parity.causes import explain
from parity.data.arguments import parse
from parity.execution.run_cache import RunCache
from parity.judge import variants
from parity.judge.finding import Finding, Verdict
from parity.judge.ladder import is_uninformative, rungs
from parity.power import catalogue
from parity.power.catalogue import Comparison
from parity.power.judges import alarms
from parity.sides import JAX, SIDES, TORCH

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Outcome:
    """One pair of functions, judged.

    Attributes:
        cause: the true cause; empty for a correct pair.
        comparisons: leaves × rungs × modes × regimes that were judged.
        alarm: parity did not pass it.
        verdicts: verdict → number of comparisons.
        said: for a fault, the causes that parity names, most likely first.
        false_alarms: for a correct pair, what did not pass: comparison, verdict and message.
        weak: for a correct pair, comparisons where parity named the side whose arithmetic the catalogue calls weak.
        others: rule → alarm, for the rules of `judges.py`.
    """

    name: str
    function: str
    cause: str
    kind: str
    side: str
    seed: int
    comparisons: int
    alarm: bool
    verdicts: dict[str, int]
    said: tuple[str, ...] = ()
    false_alarms: tuple[str, ...] = ()
    weak: int = 0
    others: dict[str, bool] = field(default_factory=dict)

    def to_dict(self) -> dict:
        """As it stands in power.json."""
        return asdict(self)


def faults(function: str, seed: int) -> Iterator[Outcome]:
    """Every planted fault of one function, in float64 and float32, with the causes that are found.

    Float64 is asked for, so that a hidden step of less fails: in a float32 check it would be a note.
    """
    for pair in catalogue.faults():
        if pair.function == function:
            cache = _cache(pair, seed)
            findings = list(rungs(cache, ("float32",), ("eager",)))
            yield _outcome(pair, seed, explain(cache, findings), _others(cache, pair.dtypes))


def ports(function: str, seed: int, regimes: tuple[str, ...], compiled: bool) -> Iterator[Outcome]:
    """Every correct pair of one function: all its dtypes in every regime, and compiled where asked."""
    for number, pair in enumerate(p for p in catalogue.ports() if p.function == function):
        cache = _cache(pair, seed)
        asked = pair.dtypes
        findings = [f for regime in regimes for f in rungs(cache, pair.dtypes, ("eager",), regime, asked=asked)]
        if compiled and number == 0:
            findings += rungs(cache, ("float32",), ("compiled",), asked=asked)
        judged = [finding for finding in findings if not is_uninformative(finding)]
        yield _outcome(pair, seed, judged, _others(cache, pair.dtypes))


def _cache(pair: Comparison, seed: int) -> RunCache:
    functions = {JAX: pair.jax(), TORCH: pair.torch()}
    arguments = parse(pair.inputs(seed), "all", tuple(functions.values()))
    return RunCache.live(functions, arguments, timeout_s=TIMEOUT_S, lifts=True)


def _outcome(
    pair: Comparison, seed: int, findings: tuple[Finding, ...] | list[Finding], others: dict[str, bool]
) -> Outcome:
    weak = _weak(pair, findings)
    bad = [finding for finding in findings if not finding.verdict.passes and finding not in weak]
    said = [cause.name for finding in sorted(bad, key=lambda f: -f.verdict.severity) for cause in finding.causes]
    messages = tuple(
        f"{pair.name} seed {seed}: {f.leaf} {f.dtype} {f.mode} {f.regime} {f.verdict}: {f.message}" for f in bad
    )
    return Outcome(
        name=pair.name,
        function=pair.function,
        cause=pair.fault.cause if pair.fault else "",
        kind=pair.fault.kind if pair.fault else "",
        side=pair.fault.side if pair.fault else "",
        seed=seed,
        comparisons=len(findings),
        alarm=bool(bad) or not findings,
        verdicts={str(v): n for v in Verdict if (n := sum(f.verdict is v for f in findings))},
        said=tuple(dict.fromkeys(said)) if pair.fault else (),
        false_alarms=() if pair.fault else messages,
        weak=len(weak),
        others=others,
    )


def _weak(pair: Comparison, findings: Sequence[Finding]) -> list[Finding]:
    """The findings that name the side whose arithmetic is weak in that regime, and what could not be judged after them."""
    named = [
        f for f in findings if (f.side, f.regime) in pair.weak and (f.verdict is Verdict.STABILITY or _is_not_finite(f))
    ]
    places = {(f.leaf, f.regime) for f in named}
    after = [f for f in findings if f.verdict is Verdict.INCONCLUSIVE and (f.leaf, f.regime) in places]
    return named + after


def _is_not_finite(finding: Finding) -> bool:
    return any(cause.name == "NaN or infinity" for cause in finding.causes)


def _others(cache: RunCache, dtypes: tuple[str, ...]) -> dict[str, bool]:
    """What the other rules say: outputs and gradients alike, in the precision of each rule."""
    alarmed: dict[str, bool] = {}
    for dtype in ("float32", "bfloat16"):
        if dtype not in dtypes:
            continue
        results = [cache.result(side, dtype, "eager", variants.given("unit", dtype)) for side in SIDES]
        names = [*results[0].outputs, *results[0].gradients]
        both = [{name: np.asarray(result.leaf(name)) for name in names} for result in results]
        truth = {name: cache.truth(name, variants.given("unit", dtype)) for name in names}
        known = {name: value for name, value in truth.items() if value is not None}
        ours, theirs = ({name: side[name] for name in known} for side in both)
        alarmed |= alarms(ours, theirs, known, dtype)
    return alarmed
