"""Every job of the project, each in an environment of its own: `nox -l` lists them.

Each runs on the Python that runs nox; `nox -P 3.13 -s tests` runs it on another one.
"""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.2"
nox.options.sessions = ["lint", "tests"]
nox.options.reuse_existing_virtualenvs = True

PYPROJECT = nox.project.load_toml("pyproject.toml")
# `pip install torch` alone would drag in several GB of CUDA on Linux.
CONSTRAINTS = ("-c", "constraints-cpu.txt")


def install(session: nox.Session, extras: str, *groups: str) -> None:
    """Installs the project with these extras and dependency groups."""
    session.install("-q", "-e", f".[{extras}]", *nox.project.dependency_groups(PYPROJECT, *groups), *CONSTRAINTS)


@nox.session
@nox.parametrize(
    "backends", [nox.param("jax,torch", id="both"), nox.param("jax", id="jax"), nox.param("torch", id="torch")]
)
def tests(session: nox.Session, backends: str) -> None:
    """The tests: `tests` runs them all; `tests(jax)` and `tests(torch)` each without the other framework installed."""
    both = "," in backends
    # chex, which the power measurement compares itself with, brings JAX along.
    install(session, f"{backends},digits,bench", "test", *["power"] * both)
    command = ("pytest", f"--backends={backends}", "--benchmark-disable")
    if session.posargs:
        session.run(*command, *session.posargs)
    else:
        session.run(*command, "-m", "not quiet", "--numprocesses=auto", "--maxprocesses=4", "--dist=worksteal")
        session.run(*command, "-m", "quiet")


@nox.session
def parity(session: nox.Session) -> None:
    """The main job: every operation in both frameworks, then the training run on real data."""
    install(session, "all")
    session.run("parity", "run", *session.posargs)


@nox.session
def power(session: nox.Session) -> None:
    """What parity sees: every planted fault and every correct pair of the catalogue; takes ten minutes."""
    install(session, "all", "power")
    session.run("parity", "power", *session.posargs)


@nox.session
def mutation(session: nox.Session) -> None:
    """Which mutations of the judge, the comparator and the lifting the tests see; `-- --share 0.05 --minutes 30` bounds it."""
    install(session, "all", "test", "mutation")
    session.run("python", "-m", "tests.mutation", *session.posargs)


@nox.session
def models(session: nox.Session) -> None:
    """Flax and torch models of transformers 4.48.3, lifted to float64; its last version with Flax models."""
    install(session, "jax,torch", "test", "models")
    session.run("pytest", "tests/models", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """`jax.jit` against `torch.compile` on every operation, with intervals and a control: `parity bench`."""
    install(session, "all")
    session.run("parity", "bench", *session.posargs)


@nox.session
def calibrate(session: nox.Session) -> None:
    """How often the clock of `parity bench` is wrong on this machine, beside pytest-benchmark; takes 25 minutes."""
    install(session, "all", "test")
    session.run("parity", "calibrate", *session.posargs)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """The same comparisons under pytest-benchmark."""
    install(session, "all", "test")
    session.run("pytest", "tests/benchmarks", "--benchmark-only", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, formatting and types."""
    install(session, "all", "lint", "test")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
