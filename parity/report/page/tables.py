"""A table and a section as the template shows them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from parity.report.page.svg import Picture


@dataclass(frozen=True)
class Cell:
    """What a cell says.

    Attributes:
        text: as it is shown.
        value: what a numeric column is sorted by; None is always last.
        tone: "bad" for what fails, "quiet" for what is only there for comparison.
    """

    text: str
    value: float | None = None
    tone: str = ""

    @property
    def key(self) -> str:
        return "" if self.value is None or math.isnan(self.value) else repr(float(self.value))


@dataclass(frozen=True)
class Column:
    label: str
    numeric: bool = False
    wide: bool = False  # holds sentences


@dataclass(frozen=True)
class Table:
    """Rows of cells.

    Attributes:
        name: unique on the page.
        filtered: gets a text filter, and a choice of the words of column `choice` where that is not None.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    filtered: bool = False
    choice: int | None = None

    @property
    def choices(self) -> list[str]:
        return [] if self.choice is None else sorted({row[self.choice].text for row in self.rows})


@dataclass(frozen=True)
class Section:
    """One part of the page; `missing` and `command` say why it is empty and how to fill it."""

    name: str
    title: str
    text: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    missing: str = ""
    command: str = ""
