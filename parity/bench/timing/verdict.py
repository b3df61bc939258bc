"""What a ratio and its control allow to say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from parity.bench.timing.interval import Estimate

# Smallest difference worth a word, as a fraction. One function against itself, in trials of two seconds on a shared machine
# with two cores, came out at most 1.0 % from 1 in two runs of 200 trials (`parity calibrate`, docs/results/calibration.md).
MARGIN = 0.015


class Speed(StrEnum):
    FASTER = "FASTER"
    SLOWER = "SLOWER"
    SAME = "SAME"
    CANNOT_TELL = "CANNOT TELL"


@dataclass(frozen=True)
class Judgement:
    speed: Speed
    advice: str = ""


def judge(ratio: Estimate, control: Estimate, elapsed_s: float, margin: float = MARGIN) -> Judgement:
    """Is the candidate faster than the base, given time / time of the base and the same of the base against itself?

    FASTER and SLOWER need an interval that lies on one side of 1, further out than the control reaches: what one function
    makes against itself is no difference. SAME needs one that lies within the margin. Everything else is CANNOT TELL.

    Args:
        elapsed_s: seconds that the comparison took, for the advice.
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
            f"the base against itself came out at {control.value:.3f}: other work disturbs the machine; "
            "run again when it is quiet"
        )
    # Both intervals have to fit into the margin, or the ratio has to clear the control; they shrink as 1 / √time.
    wanted = max(margin / 2, abs(math.log(ratio.value)) / 2)
    times = (max(ratio.half_width, control.half_width) / wanted) ** 2
    seconds = math.ceil(max(elapsed_s * times, elapsed_s * 1.5))
    return (
        f"the interval is ± {100 * ratio.half_width:.1f} %; about --budget {seconds} would tell, or a quieter machine"
    )
