"""The verdict on a ratio, given its control."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from parity.bench.timing.interval import Estimate

# Smallest difference to report, as a fraction. In trials of two seconds on a shared machine with two cores, the ratio of one
# function to itself was at most 1.0 % from 1 in two runs of 200 trials (`parity calibrate`, docs/results/calibration.md).
MARGIN = 0.015


class Speed(StrEnum):
    """Is the candidate faster than the base?"""

    FASTER = "FASTER"
    SLOWER = "SLOWER"
    SAME = "SAME"
    CANNOT_TELL = "CANNOT TELL"


@dataclass(frozen=True)
class Judgement:
    """The verdict, with advice on what would decide it if it is CANNOT TELL."""

    speed: Speed
    advice: str = ""


def judge(ratio: Estimate, control: Estimate, elapsed_s: float, margin: float = MARGIN) -> Judgement:
    """Is the candidate faster than the base?

    FASTER and SLOWER: the whole interval lies on one side of 1, further out than the interval of the control reaches. SAME: both
    intervals lie within the margin. CANNOT TELL: anything else.

    Args:
        ratio: time of the candidate / time of the base.
        control: the base against itself.
        elapsed_s: seconds that the comparison took, for the advice.
        margin: smallest difference to report, as a fraction.
    """
    if math.isnan(ratio.half_width) or math.isnan(control.half_width):
        return Judgement(Speed.CANNOT_TELL, "too few rounds for an interval; give it more time with --budget")
    if ratio.reach <= margin and control.reach <= margin:
        return Judgement(Speed.SAME)
    nearest = min(abs(math.log(ratio.low)), abs(math.log(ratio.high)))
    holds_one = ratio.low <= 1.0 <= ratio.high
    if not holds_one and nearest > control.reach:
        return Judgement(Speed.FASTER if ratio.value < 1 else Speed.SLOWER)
    return Judgement(Speed.CANNOT_TELL, _advice(ratio, control, elapsed_s, margin))


def _advice(ratio: Estimate, control: Estimate, elapsed_s: float, margin: float) -> str:
    if control.low > 1.0 or control.high < 1.0:
        return (
            f"the base against itself has the ratio {control.value:.3f}: other programs disturb the machine; "
            "run again on a quiet machine"
        )
    # Both intervals have to fit into the margin, or the ratio has to clear the control; widths shrink as 1 / √time.
    wanted = max(margin / 2, abs(math.log(ratio.value)) / 2)
    times = (max(ratio.half_width, control.half_width) / wanted) ** 2
    seconds = math.ceil(max(elapsed_s * times, elapsed_s * 1.5))
    return f"the interval is ± {100 * ratio.half_width:.1f} %; try --budget {seconds} or a quieter machine"
