"""`bench.md`: the result of `parity bench` as a table for a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from parity.processes.files import write
from parity.report import speed
from parity.report.formatting import NOTHING, seconds

FILE = "bench.md"
_OWN = ("what", "the frameworks' own", "time", "/ jax.jit", "it is")
_GROWTH = ("what", "over", "exponent jax.jit", "exponent torch.compile", "")
_PHASES = ("backend", "what", "import", "compiler start", "compile, cold", "compile, warm", "first call", "peak memory")


def write_markdown(bench: Mapping[str, Any], folder: Path) -> None:
    write(folder / FILE, markdown(bench))


def markdown(bench: Mapping[str, Any]) -> str:
    """The whole page; an incomplete run says so in its title."""
    state = "" if bench["complete"] else ": INCOMPLETE"
    settings, environment = bench["settings"], bench["environment"]
    lines = [f"# parity bench{state}", ""]
    if environment:
        versions = ", ".join(f"{side} {environment[side]['version']}" for side in ("jax", "torch"))
        lines += [f"{environment['processor']}, {settings['threads']} threads, {settings['device']}, {versions}."]
    lines += [
        f"{settings['compilers']}. Ratios are medians of paired calls with {100 * settings['confidence']:g} % intervals; "
        "compile is `torch.compile`; A/A is how far the interval of `jax.jit` against itself goes.",
        "",
        *_table(speed.HEADINGS, map(speed.cells, bench["comparisons"]), "lrrrrrlr"),
    ]
    own = speed.libraries(bench["comparisons"])
    if own:
        lines += ["## The frameworks' own functions", "", *_table(_OWN, own, "llrrl")]
    if bench["scaling"]:
        lines += ["## How cost grows", "", *_table(_GROWTH, map(_growth, bench["scaling"]), "llrrl")]
    if bench["phases"]:
        lines += ["## Phases", "", *_table(_PHASES, map(_phases, bench["phases"]), "llrrrrrr")]
    told = [*filter(None, (speed.disturbed(environment), *speed.remarks(bench["comparisons"])))]
    if told:
        lines += ["## Remarks", "", *(f"- {words}" for words in told), ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], sides: str) -> list[str]:
    rule = "|".join({"l": "---", "r": "---:"}[side] for side in sides)
    body = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return ["| " + " | ".join(headings) + " |", f"|{rule}|", *body, ""]


def _growth(sweep: Mapping[str, Any]) -> tuple[str, ...]:
    fits = [sweep["exponents"].get(name) for name in ("jax.jit", "torch.compile")]
    powers = [f"{fit['value']:.2f} ({fit['low']:.2f}–{fit['high']:.2f})" if fit else NOTHING for fit in fits]
    return (speed.subject(sweep), sweep["axis"], *powers, sweep["summary"])


def _phases(row: Mapping[str, Any]) -> tuple[str, ...]:
    times = [seconds(row[name]) for name in ("import_s", "start_s", "cold_s", "warm_s", "first_call_s")]
    memory = NOTHING if row["peak_bytes"] is None else f"{row['peak_bytes'] / 2**20:.1f} MiB"
    return (row["backend"], speed.subject(row), *times, memory)
