"""The report of a whole run for people: `report.md`."""

from __future__ import annotations

from parity.jobs.suite import Suite
from parity.report.formatting import markdown_table
from parity.report.summary import failures, summaries

_HEADINGS = ("operation", "dtype", "mode", "comparisons", "worst verdict", "leaf", "largest difference")
_TRAINING = ("backend", "held-out accuracy", "first step, with compilation", "each further step")


def markdown(suite: Suite) -> str:
    """The whole file; the title says PASSED, FAILED or INCOMPLETE."""
    state = "INCOMPLETE" if not suite.complete else "PASSED" if suite.passed else "FAILED"
    lines = [f"# parity run: {state}", ""]
    if not suite.complete:
        finished = {report.name for report in suite.reports}
        missing = ", ".join(name for name in suite.selected if name not in finished)
        lines += [f"The run was stopped before it finished. Not done: {missing}.", ""]
    problems = failures(suite.reports)
    if problems:
        lines += ["## Failures", "", *(f"- {problem}" for problem in problems), ""]
    rows = (
        (one.name, one.dtype, one.mode, one.comparisons, one.verdict, one.worst.leaf, one.error)
        for one in summaries(suite.reports)
    )
    lines += ["## Comparisons", "", *markdown_table(_HEADINGS, rows, "lllrllr")]
    lines += ["The largest difference is a fraction of the largest magnitude of the leaf.", ""]
    if suite.training is not None:
        lines += ["## Training on the handwritten digits", "", "![Loss curves of both frameworks](loss.svg)", ""]
        steps = [
            (
                side,
                f"{100 * suite.training.accuracy[side]:.2f} %",
                f"{trajectory.first_s:.2f} s",
                f"{1000 * trajectory.steps_s / max(len(trajectory.losses) - 1, 1):.2f} ms",
            )
            for side, trajectory in suite.training.trajectories.items()
        ]
        lines += markdown_table(_TRAINING, steps, "lrrr")
        lines += ["Times are those of this one run, not a benchmark.", ""]
    if suite.reports:
        lines += ["## Environment", ""]
        for name, value in suite.reports[-1].environment.items():
            text = ", ".join(f"{k} {v}" for k, v in value.items() if v) if isinstance(value, dict) else value
            lines.append(f"- {name}: {text}")
    return "\n".join(lines).rstrip() + "\n"
