"""README.md is true: its example prints what it shows, and its commands exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.both
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def without_numbers(text: str) -> str:
    """The last digits differ from machine to machine."""
    return re.sub(r"-?\d[\d.]*(e[-+]\d+)?", "N", text).strip()


def test_the_example_prints_what_is_shown(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (shown,) = re.findall(r"prints\n\n```\n(.*?)```", README, re.DOTALL)
    (tmp_path / "example.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, check=True
    )
    assert without_numbers(done.stdout) == without_numbers(shown)


def test_the_commands_exist():
    blocks = "".join(README.split("```")[1::2])
    commands = set(re.findall(r"^parity (\w+)", blocks, re.MULTILINE))
    help_text = subprocess.run(
        [sys.executable, "-m", "parity", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert {"run", "list", "strict"} <= commands
    assert all(re.search(rf"\b{command}\b", help_text) for command in commands)


def test_every_verdict_is_explained():
    from parity import Verdict

    assert all(f"| {verdict} |" in README for verdict in Verdict)


def test_the_files_that_it_links_to_exist():
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), link
