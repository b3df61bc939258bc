"""The report of a whole run for people: `report.md`."""

from __future__ import annotations

from parity.jobs.suite import Suite
from parity.report.summary import failures, rows

_WORD = {True: "PASSED", False: "FAILED"}


def markdown(suite: Suite) -> str:
    state = _WORD[suite.passed] if suite.complete else "INCOMPLETE"
    lines = [f"# parity run: {state}", ""]
    if not suite.complete:
        finished = {report.name for report in suite.reports}
        missing = ", ".join(name for name in suite.selected if name not in finished)
        lines += [f"The run was stopped before it finished. Not done: {missing}.", ""]
    problems = failures(suite.reports)
    if problems:
        lines += ["## What failed", "", *(f"- {problem}" for problem in problems), ""]
    lines += ["## Comparisons", "", "| what | dtype | mode | comparisons | worst verdict | leaf | largest difference |"]
    lines += ["|---|---|---|---:|---|---|---:|"]
    lines += [
        f"| {row.name} | {row.dtype} | {row.mode} | {row.comparisons} | {row.verdict} | {row.worst.leaf} | {row.error} |"
        for row in rows(suite.reports)
    ]
    lines += ["", "The largest difference is a fraction of the largest magnitude of the leaf.", ""]
    if suite.training is not None:
        lines += ["## Training on the handwritten digits", "", "![Loss curves of both frameworks](loss.svg)", ""]
        lines += [
            "| backend | held-out accuracy | first step, with compilation | each further step |",
            "|---|---:|---:|---:|",
        ]
        for side, trajectory in suite.training.trajectories.items():
            each = 1000 * trajectory.steps_s / max(len(trajectory.losses) - 1, 1)
            accuracy = 100 * suite.training.accuracy[side]
            lines.append(f"| {side} | {accuracy:.2f} % | {trajectory.first_s:.2f} s | {each:.2f} ms |")
        lines += ["", "Times are those of this one run, not a benchmark.", ""]
    if suite.reports:
        lines += ["## Environment", ""]
        for name, value in suite.reports[-1].environment.items():
            words = ", ".join(f"{k} {v}" for k, v in value.items() if v) if isinstance(value, dict) else value
            lines.append(f"- {name}: {words}")
    return "\n".join(lines).rstrip() + "\n"
