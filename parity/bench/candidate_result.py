"""From the samples of a candidate to its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from parity.bench.results import TIMED, CandidateResult, measured, ratio_dict, seconds_dict
from parity.bench.settings import Settings
from parity.bench.subjects.candidates import BASE, CONTROL
from parity.bench.subjects.ready import ReadyCandidate
from parity.bench.timing.clock import Samples
from parity.bench.timing.host_load import is_disturbing
from parity.bench.timing.interval import paired_ratio
from parity.bench.timing.normalizer import NORMALIZER
from parity.bench.timing.verdict import Judgement, Speed, judge

# Flag a candidate that keeps more than this many times the requested threads busy.
MORE_THREADS = 1.15


def timed_result(
    result: CandidateResult,
    samples: Samples,
    settings: Settings,
    ready: ReadyCandidate,
    recompilations: int,
    cost: Mapping[str, float],
    host_load: float,
    slowed: str,
) -> CandidateResult:
    """The result of a candidate that was timed and whose output is still the one that passed.

    Args:
        cost: `flops` and `bytes` of the definition.
        host_load: processors that other programs kept busy.
        slowed: what slowed the GPU down; empty if nothing did.
    """
    name = result.name
    busy = samples.cpu_per_wall(name)
    ratio = paired_ratio(*samples.pairs(name, BASE), settings.confidence)
    control = paired_ratio(*samples.pairs(CONTROL, BASE), settings.confidence)
    judgement = judge(ratio, control, samples.elapsed_s, settings.margin) if name != BASE else None
    if judgement and is_disturbing(host_load):
        advice = f"other programs kept {host_load:.1f} processors busy during timing; run again on a quiet machine"
        judgement = Judgement(Speed.CANNOT_TELL, advice)
    seconds = seconds_dict(list(samples.seconds[name].values()), settings.confidence)
    breaks = ready.candidate.adapter.graph_breaks() if ready.candidate.mode == "compiled" else 0
    flags = {
        f"compiled {recompilations} times more while it was timed": recompilations > 0,
        f"{breaks} graph breaks": breaks > 0,
        f"{busy:.1f} threads were busy, {settings.threads} were set": busy > MORE_THREADS * settings.threads,
        slowed: bool(slowed),
    }
    return replace(
        result,
        status=TIMED,
        seconds=seconds,
        ratio=ratio_dict(ratio),
        normalized=ratio_dict(paired_ratio(*samples.pairs(name, NORMALIZER), settings.confidence)),
        verdict=str(judgement.speed) if judgement else "",
        advice=judgement.advice if judgement else "",
        cpu_per_wall=measured(busy),
        compilations=ready.compilations,
        recompilations=recompilations,
        graph_breaks=breaks,
        flags=tuple(flag for flag, is_raised in flags.items() if is_raised),
        flops_per_s=cost["flops"] / seconds["median"] if cost.get("flops") else None,
        bytes_per_s=cost["bytes"] / seconds["median"] if cost.get("bytes") else None,
    )
