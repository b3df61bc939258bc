"""What a framework does not support, and where the two differ by convention: `unsupported.toml`, read and matched."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from parity.errors import InputError
from parity.sides import SIDES
from parity.transforms.catalogue import GROUPS, Cell

FILE = Path(__file__).with_name("unsupported.toml")
_KINDS = ("unsupported", "convention")


@dataclass(frozen=True)
class Declared:
    """One entry.

    Attributes:
        kind: `unsupported`: the side raises; `convention`: both sides do what they say, and it is not the same.
        op, group: a pattern, and a group of the catalogue.
        cells: patterns; `cell` in the file, a string or a list of them.
        side: the framework that does not support it; empty for a convention.
        error: a part of the framework's own message; empty for a convention.
        bound: largest difference between the sides, a fraction of the leaf's largest magnitude; only of a convention.
        reason, link: why, and where that is written.
    """

    kind: str
    op: str
    group: str
    cells: tuple[str, ...]
    reason: str
    link: str
    side: str = ""
    error: str = ""
    bound: float = 0.0

    def __post_init__(self) -> None:
        texts = [(field, getattr(self, field)) for field in ("op", "group", "reason", "link")]
        for field, text in (*texts, *(("cell", cell) for cell in self.cells or [""])):
            if not isinstance(text, str) or not text.strip():
                raise InputError(f"declared: {field} is {text!r}, expected words")
        if not self.link.startswith("https://"):
            raise InputError(f"declared: link is {self.link!r}, expected an address that begins with https://")
        if self.group not in GROUPS:
            raise InputError(f"declared: group is {self.group!r}, expected one of {', '.join(GROUPS)}")
        if self.kind == "unsupported" and (self.side not in SIDES or not self.error.strip() or self.bound):
            raise InputError(f"declared: an unsupported cell needs side ({' or '.join(SIDES)}) and error, and no bound")
        if self.kind == "convention" and (self.side or self.error or not self.bound > 0):
            raise InputError("declared: a convention needs a bound above 0, and neither side nor error")

    def concerns(self, op: str, cell: Cell) -> bool:
        # A name may hold brackets, which a pattern reads as a choice of letters.
        named = any(cell.name == pattern or fnmatchcase(cell.name, pattern) for pattern in self.cells)
        return fnmatchcase(op, self.op) and cell.group == self.group and named


def load(path: Path = FILE) -> tuple[Declared, ...]:
    """The entries of a TOML file of `[[unsupported]]` and `[[convention]]` tables.

    Raises:
        InputError: no such file, no TOML, or a table with a missing, unknown or wrong entry.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"declared: cannot read {path} ({error})") from error
    if unknown := sorted(content.keys() - set(_KINDS)):
        raise InputError(f"declared: {path} has {', '.join(unknown)}, expected {' and '.join(_KINDS)} alone")
    tables: list[tuple[str, Any]] = [(kind, table) for kind in _KINDS for table in content.get(kind, [])]
    found = []
    for number, (kind, table) in enumerate(tables, 1):
        try:
            cell = table.pop("cell", "")
            found.append(Declared(kind=kind, cells=tuple(cell) if isinstance(cell, list) else (cell,), **table))
        except (InputError, TypeError, AttributeError) as error:
            words = str(error).removeprefix("declared: ").replace("Declared.__init__()", "it")
            raise InputError(f"declared: entry {number} of {path}: {words}") from error
    return tuple(found)
