"""From the samples of a candidate to its row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from parity.bench.results import TIMED, Row, measured, ratio_dict, seconds_dict
from parity.bench.settings import Settings
from parity.bench.subjects.candidates import BASE, CONTROL
from parity.bench.subjects.entry import Entry
from parity.bench.timing.clock import Samples
from parity.bench.timing.host_load import is_disturbing
from parity.bench.timing.interval import paired_ratio
from parity.bench.timing.normalizer import YARDSTICK
from parity.bench.timing.verdict import Judgement, Speed, judge

# Busy processor seconds beyond the threads that were asked for: the candidate takes more than its share.
MORE_THREADS = 1.15


def timed_row(
    row: Row,
    samples: Samples,
    settings: Settings,
    entry: Entry,
    recompilations: int,
    needed: Mapping[str, float],
    others: float | None,
    slowed: str,
) -> Row:
    """The row of a candidate that was timed and still gives the result that passed.

    Args:
        others: processors that other programs took.
        slowed: what slowed the GPU down, in words.
    """
    name = row.name
    busy = samples.cpu_per_wall(name)
    # The two look the same to what follows, so that one list serves both.
    ratio = paired_ratio(*samples.pairs(name, BASE), settings.confidence)
    control = paired_ratio(*samples.pairs(CONTROL, BASE), settings.confidence)
    judgement = judge(ratio, control, samples.elapsed_s, settings.margin) if name != BASE else None
    if judgement and is_disturbing(others):
        words = f"other programs took {others:.1f} processors while it was timed; run again when the machine is quiet"
        judgement = Judgement(Speed.CANNOT_TELL, words)
    seconds = seconds_dict(list(samples.seconds[name].values()), settings.confidence)
    breaks = entry.candidate.room.graph_breaks() if entry.candidate.mode == "compiled" else 0
    flags = [f"compiled {recompilations} times more while it was timed"] if recompilations else []
    flags += [f"{breaks} graph breaks"] if breaks else []
    flags += (
        [f"{busy:.1f} threads were busy, {settings.threads} were set"] if busy > MORE_THREADS * settings.threads else []
    )
    flags += [slowed] if slowed else []
    return replace(
        row,
        status=TIMED,
        seconds=seconds,
        ratio=ratio_dict(ratio),
        yardstick=ratio_dict(paired_ratio(*samples.pairs(name, YARDSTICK), settings.confidence)),
        verdict=str(judgement.speed) if judgement else "",
        advice=judgement.advice if judgement else "",
        cpu_per_wall=measured(busy),
        compilations=entry.compilations,
        recompilations=recompilations,
        graph_breaks=breaks,
        flags=tuple(flags),
        flops_per_s=needed["flops"] / seconds["median"] if needed.get("flops") else None,
        bytes_per_s=needed["bytes"] / seconds["median"] if needed.get("bytes") else None,
    )
