"""Plain data for every JSON file that parity writes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """`value` as dicts, lists, strings, numbers and None.

    JSON has no infinity, no NaN and no complex numbers: these become the strings "nan", "inf", "-inf" and "(1+2j)". None
    stays null: the code says None where nothing was measured.
    """
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, complex) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)
    return str(value) if isinstance(value, str) else value
