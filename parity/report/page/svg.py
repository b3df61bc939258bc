"""A matplotlib drawing as SVG inside a page: its colours follow the page's theme, its text is text, its ids are its own."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

from parity.sides import SIDES

# Colours that stand for a CSS variable of style.css until the drawing is done.
INK, QUIET, RULE, JAX, TORCH, BAND, PAPER, BAD = (f"#0101{number:02x}" for number in range(1, 9))
_VARIABLES = {
    INK: "ink",
    QUIET: "quiet",
    RULE: "rule",
    JAX: "jax",
    TORCH: "torch",
    BAND: "band",
    PAPER: "paper",
    BAD: "bad",
}
COLOUR = dict(zip(SIDES, (JAX, TORCH), strict=True))
MARKER = dict(zip(SIDES, ("o", "s"), strict=True))
DASHES: Any = dict(zip(SIDES, ("-", (0, (4, 1.6))), strict=True))

# Inches; a wide picture is drawn for 760 CSS pixels, a narrow one for a phone, so that the type has the same size on both.
WIDE, NARROW = 7.9, 3.5
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "parity",  # the same picture for the same numbers
    "text.parse_math": False,  # a $ in a name is a $
    "axes.formatter.use_mathtext": False,
    "font.size": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": RULE,
    "axes.linewidth": 0.8,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "grid.color": RULE,
    "grid.linewidth": 0.5,
    "figure.facecolor": "none",
    "legend.frameon": False,
}
_NAME = re.compile(r"\{.*\}")
_FONT = re.compile(r"(font(?:-family)?:[^;]*?)'DejaVu Sans'[^;]*")


@dataclass(frozen=True)
class Picture:
    """A figure of the page: one drawing each for a wide and a narrow screen, a description in words, a caption."""

    name: str
    title: str
    description: str
    caption: str
    wide: Markup
    narrow: Markup


def picture(
    name: str,
    title: str,
    description: str,
    caption: str,
    paint: Callable[[Figure, bool], None],
    heights: tuple[float, float],
) -> Picture:
    """Both drawings of `paint(figure, narrow)`; `heights` in inches, wide then narrow."""
    drawn = []
    for narrow, width, height in ((False, WIDE, heights[0]), (True, NARROW, heights[1])):
        with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
            # The browser has the glyphs that matplotlib's own font lacks; an axis of one value is no reason to stop.
            warnings.filterwarnings("ignore", "Glyph .* missing|Matplotlib currently does not support|Attempt")
            figure = Figure(figsize=(width, height), layout="constrained")
            figure.get_layout_engine().set(w_pad=0.02, h_pad=0.03)  # type: ignore[union-attr, call-arg]
            paint(figure, narrow)
            stream = io.BytesIO()
            figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
        drawn.append(inline(stream.getvalue(), f"{name}-{'narrow' if narrow else 'wide'}", title, description))
    return Picture(name, title, description, caption, *drawn)


def inline(data: bytes, prefix: str, title: str, description: str) -> Markup:
    """An SVG file as an element of an HTML page: every text escaped, every id prefixed, colours as CSS variables."""
    root = ElementTree.fromstring(data)
    for parent in list(root.iter()):
        for child in list(parent):
            # The style sheet inside would hold for the whole page; style.css has its one rule.
            if _plain(child.tag) in ("metadata", "style"):
                parent.remove(child)
    for element in root.iter():
        element.tag = _plain(element.tag)
        element.attrib = {_plain(key): _own(_plain(key), value, prefix) for key, value in element.attrib.items()}
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    names = []
    for tag, text in (("title", title), ("desc", description)):
        name = ElementTree.Element(tag, id=f"{prefix}-{tag}")
        name.text = text
        names.append(name)
    root[:0] = names
    root.attrib |= {"role": "img", "aria-labelledby": f"{prefix}-title", "aria-describedby": f"{prefix}-desc"}
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _plain(name: str) -> str:
    return _NAME.sub("", name)


def _own(key: str, value: str, prefix: str) -> str:
    if key == "id":
        return f"{prefix}-{value}"
    if key == "href" and value.startswith("#"):
        return f"#{prefix}-{value[1:]}"
    value = value.replace("url(#", f"url(#{prefix}-")
    if key in ("style", "fill", "stroke"):
        for colour, variable in _VARIABLES.items():
            value = value.replace(colour, f"var(--{variable})")
        value = _FONT.sub(r"\1var(--sans)", value)
    return value
