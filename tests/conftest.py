"""Which frameworks the tests run on, and what has to be settled before one of them is imported.

`pytest --backends=jax` (default `jax,torch`) says which frameworks there are. A test with an argument `backend` runs once
on each of them; a test marked `both` needs the two and is deselected, and reported so, when only one is asked for. A
framework that is asked for and cannot be imported ends the session: nothing is ever skipped for it.

Everything in `tests/bench` is marked `quiet`, since it measures: `nox -s tests` runs it by itself, and the rest in a process for
each core.

So that every module can be collected where only one framework is installed, no test module imports a framework at its
top. Modules that use one in many places bind it in an autouse fixture:

    @pytest.fixture(autouse=True, scope="module")
    def frameworks():
        global jnp, torch
        import jax.numpy as jnp
        import torch

A module that is about one framework alone skips itself: `pytest.importorskip("jax", exc_type=ImportError)`.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from parity.execution.backends import NAMES
from parity.processes.settings import use_compilation_caches, use_threads

QUIET = Path(__file__).parent / "bench"

use_compilation_caches()
use_threads(1)


def pytest_addoption(parser):
    parser.addoption(
        "--backends", default=",".join(NAMES), help="Frameworks to test, comma separated; default: %(default)s."
    )


def pytest_configure(config):
    for name in _backends(config):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise pytest.UsageError(
                f'--backends: {name} cannot be imported ({error}); install it with: pip install "parity[{name}]", '
                "or choose the others with --backends"
            ) from error


def pytest_generate_tests(metafunc):
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", _backends(metafunc.config))


def pytest_collection_modifyitems(config, items):
    for item in items:
        if QUIET in item.path.parents:
            item.add_marker(pytest.mark.quiet)
    if set(_backends(config)) == set(NAMES):
        return
    left_out = [item for item in items if item.get_closest_marker("both")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("both")]


def _backends(config) -> list[str]:
    names = [name.strip() for name in config.getoption("--backends").split(",")]
    for name in names:
        if name not in NAMES:
            raise pytest.UsageError(f"--backends: got {name!r}, expected some of {', '.join(NAMES)}, comma separated")
    return list(dict.fromkeys(names))
