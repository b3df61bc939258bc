"""The measured power as Markdown and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from parity.power.catalogue import weaknesses
from parity.power.run import Power
from parity.processes.files import write

SCHEMA = "parity-power/2"


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f} %)" if whole else "none"


def headline(power: Power) -> list[tuple[str, str, str]]:
    """Rows of the summary: what, measured, target."""
    total = len(power.faults)
    return [
        ("planted faults detected", _share(power.detected, total), "≥ 99.5 %"),
        ("false alarms in correct comparisons", f"{len(power.false_alarms)} of {power.comparisons}", "0 of ≥ 10,000"),
        ("true cause named first", _share(power.named(1), total), "≥ 80 %"),
        ("true cause in the first three", _share(power.named(3), total), "≥ 95 %"),
    ]


def to_dict(power: Power) -> dict[str, Any]:
    """The content of power.json."""
    return {
        "schema": SCHEMA,
        "complete": power.complete,
        "passed": power.passed,
        "place": power.place,
        "headline": [
            {"what": what, "measured": measured, "target": target} for what, measured, target in headline(power)
        ],
        "faults": [outcome.to_dict() for outcome in power.faults],
        "ports": [outcome.to_dict() for outcome in power.ports],
    }


def markdown(power: Power) -> str:
    """The content of power.md."""
    functions = len({outcome.function for outcome in power.faults})
    lines = [
        "# What parity sees",
        "",
        f"Written by `parity power` on {power.place}; how it is measured: `parity/power/`.",
        "",
        *([] if power.complete else [f"Not complete: {power.done} of {power.total} tasks are finished.", ""]),
        f"{len(power.faults)} planted faults in {functions} functions, on either side, in outputs, gradients or state alone; "
        f"{len(power.ports)} judgements of correct ports in different idioms.",
        "",
        "| | measured | target |",
        "|---|---:|---:|",
    ]
    lines += [f"| {what} | {measured} | {target} |" for what, measured, target in headline(power)]
    lines += [
        "",
        "The order in which causes are named was tuned on these same faults: the last two shares are not held-out figures.",
        "",
        "## Other rules on the same pairs",
        "",
        "| rule | faults seen | correct pairs refused |",
        "|---|---:|---:|",
    ]
    refused = sum(outcome.alarm for outcome in power.ports)
    lines += [f"| parity | {_share(power.detected, len(power.faults))} | {_share(refused, len(power.ports))} |"]
    lines += [
        f"| {rule} | {_share(saw, shown)} | {_share(wrong, of)} |" for rule, saw, shown, wrong, of in power.rules()
    ]
    lines += ["", "Each rule sees outputs and gradients of the same inputs, in the precision that it is made for.", ""]
    lines += [
        "## By cause",
        "",
        "| true cause | faults | detected | named first | in the first three |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [f"| {cause} | {n} | {seen} | {first} | {three} |" for cause, n, seen, first, three in power.by_cause()]
    lines += [
        "",
        "## Weak arithmetic",
        "",
        f"In {power.weak} comparisons parity named the side of a correct port whose arithmetic is worse than the function "
        "deserves in that regime. These are findings, not false alarms; any other side, verdict or regime would be one.",
        "",
        "| idiom | regime | why |",
        "|---|---|---|",
    ]
    lines += [f"| {idiom} | {regime} | {why} |" for idiom, regime, why in weaknesses()]
    lines += ["", "## Verdicts of the correct comparisons", "", "| verdict | comparisons |", "|---|---:|"]
    lines += [f"| {verdict} | {count} |" for verdict, count in power.verdicts().most_common()]
    if power.false_alarms:
        lines += ["", "## False alarms", "", *(f"- {message}" for message in power.false_alarms)]
    missed = [outcome.name for outcome in power.faults if not outcome.alarm]
    if missed:
        lines += ["", "## Faults that were not seen", "", *(f"- {name}" for name in missed)]
    return "\n".join(lines) + "\n"


def write_report(power: Power, folder: Path) -> None:
    """Writes power.json and power.md."""
    write(folder / "power.json", as_json(power))
    write(folder / "power.md", markdown(power))


def as_json(power: Power) -> str:
    """`to_dict` as text."""
    return json.dumps(to_dict(power), indent=2) + "\n"
