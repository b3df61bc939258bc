"""A table and a section as the template shows them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from parity.report.page.svg import Picture


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: what it shows.
        value: what a numeric column is sorted by; None is always last.
        tone: "bad" for a failure, "quiet" for what is there only for comparison.
    """

    text: str
    value: float | None = None
    tone: str = ""

    @property
    def key(self) -> str:
        """The value as the script of the page sorts it; empty if there is none."""
        return "" if self.value is None or math.isnan(self.value) else repr(float(self.value))


@dataclass(frozen=True)
class Column:
    """A heading; a `numeric` column is sorted by value, a `wide` one holds sentences."""

    label: str
    numeric: bool = False
    wide: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells.

    Attributes:
        name: unique on the page.
        filtered: has a text filter and, if `choice` is not None, a menu of the texts of that column.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    filtered: bool = False
    choice: int | None = None

    @property
    def choices(self) -> list[str]:
        """The entries of the menu."""
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
