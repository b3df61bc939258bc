"""Numbers, names and Markdown tables for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

NOTHING = "–"
_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_LARGE = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_MONTHS = (  # in English whatever the locale
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
NEAR_ONE = 0.05  # below 5 %, two decimals hide most of the difference


def seconds(value: float | None) -> str:
    """1.2e-4 → "120 µs"; three significant digits."""
    if value is None:
        return NOTHING
    if value >= 100:
        minutes, rest = divmod(round(value), 60)
        return f"{minutes} min {rest} s"
    factor, unit = next((pair for pair in _SECONDS if value >= pair[0]), _SECONDS[-1])
    return f"{digits(value / factor)} {unit}" if value else "0 s"


def large(value: float | None, unit: str) -> str:
    """1.2e11, "FLOP/s" → "120 GFLOP/s"; powers of 1000."""
    if value is None:
        return NOTHING
    factor, prefix = next((pair for pair in _LARGE if abs(value) >= pair[0]), (1.0, ""))
    return f"{digits(value / factor)} {prefix}{unit}"


def digits(value: float) -> str:
    """Three significant digits, never in scientific notation between 0.001 and 1e6."""
    if 100 <= abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:#.3g}".rstrip(".")


def number(value: float | None, form: str = "g") -> str:
    """A number in a format of Python's."""
    return NOTHING if value is None else format(value, form)


def percent(value: float | None) -> str:
    """0.123 → "12.3 %"."""
    return NOTHING if value is None else f"{digits(100 * value)} %"


def ratio(value: float | None) -> str:
    """Three decimals below 10, else three significant digits."""
    if value is None:
        return NOTHING
    return f"{value:.3f}" if 0.01 <= value < 10 else digits(value)


def interval(estimate: Mapping[str, Any] | None) -> str:
    """`low` and `high` of a ratio: "0.690 to 0.718"."""
    if estimate is None or not has_interval(estimate):
        return NOTHING
    return f"{ratio(estimate['low'])} to {ratio(estimate['high'])}"


def has_interval(estimate: Mapping[str, Any]) -> bool:
    """Whether a ratio has both ends of its interval; too few rounds give none."""
    return estimate["low"] is not None and estimate["high"] is not None


def times(values: Sequence[float]) -> list[str]:
    """The factors of one sentence, all with two decimals, or all with three if one of them is near 1."""
    decimals = 3 if any(abs(value - 1) < NEAR_ONE for value in values) else 2
    return [f"{value:.{decimals}f}" if value < 100 else f"{value:.3g}" for value in values]


def subject(comparison: Mapping[str, Any]) -> str:
    """Operation and kind: "attention forward"."""
    return f"{comparison['op']} {comparison['kind']}"


def sizes(axes: Mapping[str, float]) -> str:
    """{"T": 512, "S": 64} → "T 512, S 64"."""
    return ", ".join(f"{axis} {size:g}" for axis, size in axes.items()) or NOTHING


def labels(comparisons: Sequence[Mapping[str, Any]]) -> list[str]:
    """The shortest unique names: "attention forward", with dtype and sizes where they are needed."""
    names = [subject(one) for one in comparisons]
    for more in (lambda one: one["dtype"], lambda one: sizes(one["sizes"])):
        count = Counter(names)
        names = [
            f"{name}, {more(one)}" if count[name] > 1 else name for name, one in zip(names, comparisons, strict=True)
        ]
    return names


def moment(iso: str) -> str:
    """2026-11-24T20:40:00+00:00 → 24 November 2026, 20:40 UTC; any other text stays as it is."""
    try:
        time = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    zone = "" if time.tzinfo is None else " UTC" if not time.utcoffset() else time.strftime(" %z")
    return f"{time.day} {_MONTHS[time.month - 1]} {time.year}, {time:%H:%M}{zone}"


def listed(items: Iterable[str]) -> str:
    """a, b and c."""
    *first, last = list(items) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def counted(count: int, word: str) -> str:
    """1 step, 2 steps."""
    return f"{count} {word}{'s' * (count != 1)}"


def cut(text: str, most: int) -> str:
    """For a picture: one line, at most `most` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[Any]], alignment: str) -> list[str]:
    """The lines of a Markdown table and an empty one; `alignment` has an "l" or "r" for each column."""
    rule = "|".join({"l": "---", "r": "---:"}[side] for side in alignment)
    body = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return ["| " + " | ".join(headings) + " |", f"|{rule}|", *body, ""]
