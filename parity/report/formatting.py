"""Numbers and names as people read them."""

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
NEAR_ONE = 0.05  # below 5 % a ratio with two decimals hides most of what differs


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


def short_seconds(value: float) -> str:
    """For an axis: 0.01 → "10 ms"."""
    factor, unit = next((pair for pair in _SECONDS if value >= pair[0] * 0.999), _SECONDS[-1])
    return f"{value / factor:.3g} {unit}"


def short_large(value: float, unit: str) -> str:
    """For an axis: 1e11, "FLOP/s" → "100 GFLOP/s"."""
    factor, prefix = next((pair for pair in _LARGE if value >= pair[0] * 0.999), (1.0, ""))
    return f"{value / factor:.3g} {prefix}{unit}"


def digits(value: float) -> str:
    """Three significant digits, never in scientific notation between 0.001 and 1e6."""
    if 100 <= abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:#.3g}".rstrip(".")


def number(value: float | None, form: str = "g") -> str:
    return NOTHING if value is None else format(value, form)


def percent(value: float | None) -> str:
    return NOTHING if value is None else f"{digits(100 * value)} %"


def ratio(value: float | None) -> str:
    """Three decimals below 10, else three significant digits."""
    if value is None:
        return NOTHING
    return f"{value:.3f}" if 0.01 <= value < 10 else digits(value)


def interval(found: Mapping[str, Any] | None) -> str:
    return f"{ratio(found['low'])} to {ratio(found['high'])}" if found is not None and has_interval(found) else NOTHING


def has_interval(found: Mapping[str, Any]) -> bool:
    """Whether a ratio has both ends of its interval; too few rounds give none."""
    return found["low"] is not None and found["high"] is not None


def times(values: Sequence[float]) -> list[str]:
    """Factors of one sentence, all with the same decimals: two, or three where one of them is near 1."""
    decimals = 3 if any(abs(value - 1) < NEAR_ONE for value in values) else 2
    return [f"{value:.{decimals}f}" if value < 100 else f"{value:.3g}" for value in values]


def subject(found: Mapping[str, Any]) -> str:
    return f"{found['op']} {found['kind']}"


def sizes(found: Mapping[str, float]) -> str:
    """{"T": 512, "S": 64} → "T 512, S 64"."""
    return ", ".join(f"{axis} {size:g}" for axis, size in found.items()) or NOTHING


def labels(comparisons: Sequence[Mapping[str, Any]]) -> list[str]:
    """The shortest names that tell all apart: "attention forward", with the dtype and the sizes where they are needed."""
    found = [subject(one) for one in comparisons]
    for more in (lambda one: one["dtype"], lambda one: sizes(one["sizes"])):
        often = Counter(found)
        found = [
            f"{name}, {more(one)}" if often[name] > 1 else name for name, one in zip(found, comparisons, strict=True)
        ]
    return found


def moment(iso: str) -> str:
    """2026-11-24T20:40:00+00:00 → 24 November 2026, 20:40 UTC; what is no such time stays as it is."""
    try:
        found = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    zone = "" if found.tzinfo is None else " UTC" if not found.utcoffset() else found.strftime(" %z")
    return f"{found.day} {_MONTHS[found.month - 1]} {found.year}, {found:%H:%M}{zone}"


def listed(words: Iterable[str]) -> str:
    """a, b and c."""
    found = list(words)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}" if found else ""


def counted(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"


def cut(text: str, most: int) -> str:
    """For a picture: one line, at most `most` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
