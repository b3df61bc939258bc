"""Where a benchmark ran: what has to be the same before its times can be set beside another's."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from parity.bench.machine import gpu
from parity.bench.settings import Settings
from parity.errors import InputError
from parity.execution import environment


def describe(settings: Settings) -> dict[str, Any]:
    """Versions, processor, threads, affinity and load; on a GPU clocks and throttling.

    Called in the measuring process. `input_error` in place of all that if one framework does not see the device.
    """
    try:
        facts = environment.environment(settings.device)
    except InputError as error:
        return {"input_error": f"--{error}"}
    return {
        **facts,
        "processor": processor(),
        "cores": os.cpu_count(),
        "affinity": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "load": [load()],
        "commit": commit(),
        **({"gpu": gpu.state()} if settings.device == "cuda" else {}),
    }


def load() -> float:
    """Processes that wanted a processor, the mean over the last minute; 0 where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def processor() -> str:
    """The name of the processor as its maker has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def commit() -> str:
    """The commit of the folder that the command is called in, with `+` if it was changed since; empty outside of git."""
    try:
        answers = [
            subprocess.run(["git", *words], capture_output=True, text=True, timeout=10, check=True).stdout.strip()
            for words in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        ]
    except (OSError, subprocess.SubprocessError):
        return ""
    return answers[0] + ("+" if answers[1] else "")


def same_place(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """Why times of two environments cannot be set side by side; empty if they can."""
    return _difference(ours, theirs, ("processor", "cores", "affinity", "machine"))


def same_programs(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """Why times of two environments are not those of one and the same program; empty if they are."""
    return _difference(ours, theirs, ("python", "packages", "jax", "torch", "commit"))


def _difference(ours: Mapping[str, Any], theirs: Mapping[str, Any], keys: Iterable[str]) -> str:
    for key in keys:
        if ours.get(key) != theirs.get(key):
            return f"{key} was {theirs.get(key)!r}, now it is {ours.get(key)!r}"
    return ""
