"""CONTRIBUTING.md is true: its three files, put into a copy of the project, are a tested operation."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.both
ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path):
    for folder in ("parity", "impl_jax", "impl_torch", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def files() -> dict[str, str]:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    return dict(re.findall(r"<!-- test: (\S+) -->\n```python\n(.*?)```", text, re.DOTALL))


def in_copy(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(copy), "COLUMNS": "120"}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )


def test_three_files_are_an_operation(copy):
    shown = files()
    assert sorted(shown) == ["impl_jax/rms_norm.py", "impl_torch/rms_norm.py", "parity/ops/rms_norm.py"]
    for name, content in shown.items():
        (copy / name).write_text(content)
    code = [line for content in shown.values() for line in content.splitlines() if line.strip()]
    assert len(code) < 40  # docstrings and imports included

    judged = in_copy(copy, "parity", "run", "rms_norm", "--mode", "eager")
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert "rms_norm" in judged.stdout

    tested = in_copy(
        copy,
        *("pytest", "-q", "tests/impl/test_ops.py", "tests/project/test_structure.py", "tests/project/test_layers.py"),
        *("-k", "rms_norm or structure or layers"),
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert re.search(r"\d+ passed", tested.stdout)
    assert "rms_norm" in in_copy(copy, "pytest", "-q", "--collect-only", "tests/impl/test_ops.py").stdout


def test_a_wrong_implementation_fails(copy):
    for name, content in files().items():
        (copy / name).write_text(content.replace("+ 1e-6)", "+ 1e-5)") if name.startswith("impl_jax") else content)
    judged = in_copy(copy, "parity", "run", "rms_norm", "--mode", "eager")
    assert judged.returncode == 1, judged.stdout + judged.stderr
    assert "SEMANTIC" in judged.stdout
