"""Validates the two files against their schemas; an error names the first place that does not fit."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# What XML forbids: it would break a picture or the encoding of the page.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MOST_DEPTH = 20  # far deeper than either file, far from Python's own limit


class Damaged(ValueError):
    """A file does not fit its schema; the message says where, what came and what was expected."""


@dataclass(frozen=True)
class Maybe:
    """`shape`, or None if it is null or left out, or if it is an object whose entry `needs` is null."""

    shape: Any
    needs: str = ""


@dataclass(frozen=True)
class Each:
    """A list, or an object with any names, of values of one `shape`."""

    shape: Any
    container: type


@dataclass(frozen=True)
class Word:
    """A kind of value, as an error names it."""

    expected: str


TEXT, FLAG, ANYTHING = Word("a string"), Word("true or false"), Word("anything")
NUMBER, POSITIVE = Word("a finite number"), Word("a finite number above 0")
ERROR = Word("a number, or nan or inf as a string")


def checked(value: Any, shape: Any, place: str = "") -> Any:
    """`value` with every optional entry present, every string printable, and without the entries that `shape` lacks.

    Raises:
        Damaged: the first place where `value` does not fit.
    """
    if isinstance(shape, Maybe):
        silent = isinstance(value, dict) and shape.needs in value and value[shape.needs] is None
        return None if value is None or silent else checked(value, shape.shape, place)
    if isinstance(shape, Mapping):
        _demand(isinstance(value, dict), value, "an object", place)
        for key, part in shape.items():
            _demand(key in value or isinstance(part, Maybe), "nothing", f"an entry {key!r}", place)
        return {key: checked(value.get(key), part, f"{place}.{key}") for key, part in shape.items()}
    if isinstance(shape, Each):
        _demand(isinstance(value, shape.container), value, "a list" if shape.container is list else "an object", place)
        if shape.container is list:
            return [checked(item, shape.shape, f"{place}[{index}]") for index, item in enumerate(value)]
        return {printable(key): checked(item, shape.shape, f"{place}.{key}") for key, item in value.items()}
    if shape is ANYTHING:
        return _clean(value, place)
    _demand(_fits(value, shape), value, shape.expected, place)
    return printable(value) if isinstance(value, str) else value


def printable(text: str) -> str:
    """The text with U+FFFD in place of every character that XML forbids."""
    return _FORBIDDEN.sub("\ufffd", text)


def _fits(value: Any, word: Word) -> bool:
    if word is TEXT:
        return isinstance(value, str)
    if word is FLAG:
        return isinstance(value, bool)
    if word is ERROR and isinstance(value, str):
        return value in ("nan", "inf", "-inf")
    try:
        finite = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer beyond every float
        return False
    return finite and (word is not POSITIVE or value > 0)


def _clean(value: Any, place: str) -> Any:
    _demand(place.count(".") + place.count("[") < _MOST_DEPTH, "more", f"at most {_MOST_DEPTH} levels", place)
    if isinstance(value, dict):
        return {printable(key): _clean(item, f"{place}.{printable(key)}") for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, f"{place}[{index}]") for index, item in enumerate(value)]
    return printable(value) if isinstance(value, str) else value


def _demand(condition: bool, value: Any, expected: str, place: str) -> None:
    if not condition:
        came = value if value in ("nothing", "more") else repr(value)
        short = came if len(came) <= 60 else f"{came[:57]}..."
        raise Damaged(f"{printable(place.lstrip('.')) or 'top level'}: got {printable(short)}, expected {expected}")
