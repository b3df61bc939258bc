"""Where a result was measured: versions, devices, precision settings. Part of every report."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from parity.execution import backends
from parity.sides import SIDES


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


def processor() -> str:
    """The name of the processor, with the numbers that tell it from others of that name; its architecture without py-cpuinfo."""
    try:
        from cpuinfo import get_cpu_info  # slow to import and to call
    except ImportError:
        return platform.machine()
    info = get_cpu_info()
    name = info.get("brand_raw") or platform.machine()
    return f"{name} (family {info['family']}, model {info['model']})" if {"family", "model"} <= info.keys() else name


def place() -> str:
    """Processor, torch's kernels for it and versions, in a line: which digits a kernel loses hangs on them."""
    kernels = backends.get("torch").environment()["cpu_kernels"]
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in SIDES)
    return f"{processor()}, {kernels} kernels; {versions}"


def matmul_precisions(found: Mapping[str, Any]) -> str:
    """What both frameworks are set to, in words: `jax: default; torch: medium, TF32 on`."""
    words = []
    for name in backends.NAMES:
        tf32 = {True: ", TF32 in cuDNN on", False: ", TF32 in cuDNN off"}.get(found[name].get("tf32"), "")
        words.append(f"{name}: {found[name]['matmul_precision']}{tf32}")
    return "; ".join(words)
