"""The wheel holds every file, and works in a fresh environment outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile

import pytest

from tests.project.sources import PACKAGES, PYPROJECT, ROOT

pytestmark = pytest.mark.both
PAIR = """
def in_jax(x, y):
    return x @ y

def in_torch(x, y):
    return (x[:, :, None] * y[None]).sum(1)

def wrong(x, y):
    return x @ y * 1.001
"""


def output(*command, folder, code=0):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    output(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), folder=ROOT)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def binaries(wheel, tmp_path_factory):
    """The programs of an environment with the wheel in it, and everything else from the environment of this test."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index")
    output(*pip, str(wheel), folder=folder)
    # What a .pth file names comes after the wheel, and the .pth files there, such as that of the checkout, are not read.
    (site,) = folder.glob("lib/*/site-packages")
    (site / "others.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    return python.parent


def test_every_file_is_in_the_wheel(wheel):
    files = {path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()}
    # Beside the code, so that an installed parity tells of the conventions too.
    expected = {str(path) for path in files if "__pycache__" not in path.parts} | {"parity/judge/deviations.toml"}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == expected
    assert {f"{package}/py.typed" for package in PACKAGES} <= packed


def test_the_installed_commands_work(binaries, tmp_path):
    (tmp_path / "pair.py").write_text(PAIR)
    where = output(binaries / "python", "-c", "import parity; print(parity.__file__)", folder=tmp_path)
    assert where.startswith(str(binaries.parent))

    parity = binaries / "parity"
    assert output(parity, "--version", folder=tmp_path) == f"parity {PYPROJECT['project']['version']}\n"
    assert "attention" in output(parity, "list", folder=tmp_path)
    inputs = ("--input", "x=3x5", "--input", "y=5x2", "--mode", "eager")
    assert "ROUNDING" in output(parity, "check", "pair:in_jax", "pair:in_torch", *inputs, folder=tmp_path)
    assert "SEMANTIC" in output(parity, "check", "pair:wrong", "pair:in_torch", *inputs, folder=tmp_path, code=1)
