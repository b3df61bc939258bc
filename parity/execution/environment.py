"""Where a result was measured: versions, devices, precision settings. Part of every report."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from parity.execution import backends


def environment(device: str = "cpu", precision: str = backends.HIGHEST) -> dict[str, Any]:
    """Versions, devices and precision settings below float64 of both frameworks."""
    versions = {name: metadata.version(name) for name in ("numpy", "ml_dtypes", "optree")}
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": versions,
        "precision": precision,
        **{name: backends.get(name).environment(device, precision) for name in backends.NAMES},
    }


def matmul_precisions(found: Mapping[str, Any]) -> str:
    """What both frameworks are set to, in words: `jax: default; torch: medium, TF32 on`."""
    words = []
    for name in backends.NAMES:
        tf32 = {True: ", TF32 in cuDNN on", False: ", TF32 in cuDNN off"}.get(found[name].get("tf32"), "")
        words.append(f"{name}: {found[name]['matmul_precision']}{tf32}")
    return "; ".join(words)
