"""Where a result was measured: versions, devices, precision settings. Part of every report."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

from parity.execution import backends


def environment(device: str = "cpu") -> dict[str, Any]:
    """Versions, devices and precision settings of both frameworks."""
    versions = {name: metadata.version(name) for name in ("numpy", "ml_dtypes", "optree")}
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": versions,
        **{name: backends.get(name).environment(device) for name in backends.NAMES},
    }
