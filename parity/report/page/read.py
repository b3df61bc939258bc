"""Reads one file of `parity-report/`, or says in one line why it cannot."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parity.report.page.shapes import Damaged, checked, printable


@dataclass(frozen=True)
class Source:
    """A file of the folder: `data` is None where it is absent or unusable, `problem` says why it is unusable."""

    name: str
    command: str
    data: dict[str, Any] | None = None
    problem: str = ""


def read_source(path: Path, schema: str, shape: dict[str, Any], command: str) -> Source:
    """Reads and validates `path`; whatever is in it, nothing is raised."""
    if not path.exists():
        return Source(path.name, command)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise Damaged(f"top level: got a {type(content).__name__}, expected an object")
        version = content.get("schema")
        if version != schema:
            came = "none" if version is None else printable(repr(version)[:60])
            return Source(path.name, command, None, f"schema: got {came}, expected {schema!r}")
        return Source(path.name, command, checked(content, shape))
    except Damaged as error:
        problem = f"damaged: {error}"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}, expected a JSON file"
    except (ValueError, RecursionError) as error:  # ValueError: not UTF-8, not JSON, an integer of thousands of digits
        problem = f"damaged: got {printable(str(error))}, expected JSON"
    return Source(path.name, command, None, problem)
