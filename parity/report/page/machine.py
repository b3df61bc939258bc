"""Settings, machine and versions in full."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from parity.report.formatting import NOTHING, large, seconds
from parity.report.page.roofline import measured_by
from parity.report.page.tables import Cell, Column, Section, Table
from parity.sides import LABELS

_COLUMNS = (Column("Entry"), Column("Value", wide=True))


def section(run: dict[str, Any] | None, bench: dict[str, Any] | None) -> Section:
    """A table of entries and values for each part of the two files."""
    groups = []
    if bench is not None:
        groups += [
            ("bench-settings", "Settings of the speed measurement", bench["settings"]),
            ("bench-environment", "Machine and versions of the speed measurement", bench["environment"]),
            (
                "bench-limits",
                "Measured limits of the machine",
                {dtype: _limit(one) for dtype, one in bench["limits"].items()},
            ),
        ]
    if run is not None and run["reports"]:
        groups.append(("run-environment", "Machine and versions of the parity run", run["reports"][-1]["environment"]))
    tables = tuple(
        Table(name, caption, _COLUMNS, tuple((Cell(key), Cell(value)) for key, value in flat(entries)))
        for name, caption, entries in groups
        if entries
    )
    missing = "" if tables else "Neither file names the machine and the versions."
    return Section("settings", "Settings, machine and versions", tables=tables, missing=missing, command="parity bench")


def _limit(limit: dict[str, Any]) -> dict[str, Any]:
    return {
        "arithmetic": large(limit["flops_per_s"], "FLOP/s"),
        "memory": large(limit["bytes_per_s"], "B/s"),
        "measured by": measured_by(limit["measured_by"]),
    }


def flat(entries: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """{"jax": {"version": "0.10"}} → ("jax version", "0.10")."""
    for key, value in entries.items():
        name = f"{before} {key}".strip()
        if isinstance(value, dict):
            yield from flat(value, name)
        elif isinstance(value, list):
            yield name, ", ".join(map(_word, value)) or NOTHING
        else:
            yield name, _word(value)


def facts(run: dict[str, Any] | None, bench: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Machine and versions in two lines, of the speed measurement if there is one."""
    reports = run["reports"] if run is not None else []
    environment = bench["environment"] if bench is not None else reports[-1]["environment"] if reports else {}
    cores = environment.get("cores")
    machine = [environment.get("processor"), environment.get("machine"), cores and f"{cores} cores"]
    versions = [("Python", environment.get("python"))]
    for side, label in LABELS.items():
        framework = environment.get(side)
        versions.append((label, framework.get("version") if isinstance(framework, dict) else None))
    versions += [("commit", environment.get("commit"))]
    lines = [
        ("Machine", ", ".join(str(part) for part in machine if part)),
        ("Versions", ", ".join(f"{name} {value}" for name, value in versions if value)),
    ]
    return [(name, line) for name, line in lines if line]


def duration(bench: dict[str, Any] | None) -> str:
    """ ", took 4 min 11 s", or empty."""
    return "" if bench is None or bench["seconds"] is None else f", took {seconds(bench['seconds'])}"


def _word(value: Any) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
