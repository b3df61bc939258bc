"""Renders the view as one HTML file."""

from __future__ import annotations

from importlib import resources

from jinja2 import BaseLoader, Environment, StrictUndefined
from markupsafe import Markup

from parity.report.page.contents import Page


def render(page: Page) -> str:
    """The HTML of the page, with its style sheet and script inside."""
    environment = Environment(  # escapes every text of the files
        loader=BaseLoader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_beside("template.html"))
    return template.render(page=page, style=Markup(_beside("style.css")), script=Markup(_beside("script.js"))) + "\n"


def _beside(name: str) -> str:
    return (resources.files("parity.report.page") / name).read_text(encoding="utf-8")
