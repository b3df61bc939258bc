"""Where a benchmark ran: what has to be the same before its times can be compared with another run's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

import psutil

from parity.bench.machine import gpu
from parity.bench.settings import Settings
from parity.errors import InputError
from parity.execution import environment
from parity.sides import SIDES


def describe(settings: Settings) -> dict[str, Any]:
    """Versions, processor, threads, affinity and load; for a GPU its clocks and throttle reasons.

    Call it in the measuring process. Gives only `input_error` if a framework does not see the device.
    """
    try:
        facts = environment.environment(settings.device)
    except InputError as error:
        return {"input_error": f"--{error}"}
    return {
        **facts,
        "processor": environment.processor(),
        "cores": os.cpu_count(),
        "affinity": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "load": [load()],
        "commit": commit(),
        **({"gpu": gpu.state()} if settings.device == "cuda" else {}),
    }


def load() -> float:
    """The system's load average of the last minute."""
    return psutil.getloadavg()[0]


def commit() -> str:
    """The git commit of the current folder, with `+` if files have changed since; empty outside of git."""
    try:
        commit, changes = [
            subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=True).stdout.strip()
            for arguments in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        ]
    except (OSError, subprocess.SubprocessError):
        return ""
    return commit + ("+" if changes else "")


def same_place(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """Why the times of two environments cannot be compared; empty if they can."""
    return _difference(ours, theirs, ("processor", "cores", "affinity", "machine"))


def same_programs(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """Why the times of two environments are not those of the same programs; empty if they are."""
    return _difference(ours, theirs, ("python", "packages", *SIDES, "commit"))


def _difference(ours: Mapping[str, Any], theirs: Mapping[str, Any], keys: Iterable[str]) -> str:
    for key in keys:
        if ours.get(key) != theirs.get(key):
            return f"{key} was {theirs.get(key)!r}, now it is {ours.get(key)!r}"
    return ""
