"""`bench.md`: the result of `parity bench` as Markdown, for a pull request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parity.processes.files import write
from parity.report import speed
from parity.report.formatting import NOTHING, markdown_table, seconds
from parity.sides import COMPILERS, SIDES

FILE = "bench.md"
_OWN = ("comparison", "function", "time", "time / jax.jit", "verdict")
_GROWTH = ("comparison", "axis", "exponent jax.jit", "exponent torch.compile", "summary")
_PHASES = (
    "backend",
    "comparison",
    "import",
    "compiler start",
    "compile, cold",
    "compile, warm",
    "first call",
    "peak memory",
)


def write_markdown(bench: Mapping[str, Any], folder: Path) -> None:
    """Writes `bench.md` from the content of `bench.json`."""
    write(folder / FILE, markdown(bench))


def markdown(bench: Mapping[str, Any]) -> str:
    """The whole file; the title of an unfinished run says INCOMPLETE."""
    state = "" if bench["complete"] else ": INCOMPLETE"
    settings, environment = bench["settings"], bench["environment"]
    lines = [f"# parity bench{state}", ""]
    if environment:
        versions = ", ".join(f"{side} {environment[side]['version']}" for side in SIDES)
        lines += [f"{environment['processor']}, {settings['threads']} threads, {settings['device']}, {versions}."]
    lines += [
        f"{settings['compilers']}. Ratios are medians of paired calls with a {100 * settings['confidence']:g} % interval; "
        "compile is `torch.compile`. A/A is the control: the reach of the interval of `jax.jit` against itself.",
        "",
        *markdown_table(speed.HEADINGS, map(speed.cells, bench["comparisons"]), "lrrrrrlr"),
    ]
    libraries = speed.libraries(bench["comparisons"])
    if libraries:
        lines += ["## The frameworks' own functions", "", *markdown_table(_OWN, libraries, "llrrl")]
    if bench["scaling"]:
        lines += ["## How cost grows", "", *markdown_table(_GROWTH, map(_growth, bench["scaling"]), "llrrl")]
    if bench["phases"]:
        lines += ["## Phases", "", *markdown_table(_PHASES, map(_phases, bench["phases"]), "llrrrrrr")]
    remarks = [*filter(None, (speed.disturbed(environment), *speed.remarks(bench["comparisons"])))]
    if remarks:
        lines += ["## Remarks", "", *(f"- {remark}" for remark in remarks), ""]
    return "\n".join(lines).rstrip() + "\n"


def _growth(sweep: Mapping[str, Any]) -> tuple[str, ...]:
    fits = [sweep["exponents"].get(name) for name in COMPILERS.values()]
    powers = [f"{fit['value']:.2f} ({fit['low']:.2f}–{fit['high']:.2f})" if fit else NOTHING for fit in fits]
    return (speed.subject(sweep), sweep["axis"], *powers, sweep["summary"])


def _phases(row: Mapping[str, Any]) -> tuple[str, ...]:
    times = [seconds(row[name]) for name in ("import_s", "start_s", "cold_s", "warm_s", "first_call_s")]
    memory = NOTHING if row["peak_bytes"] is None else f"{row['peak_bytes'] / 2**20:.1f} MiB"
    return (row["backend"], speed.subject(row), *times, memory)
