"""Names: of the two frameworks, which are written in one place, and of what a package offers."""

from __future__ import annotations

import ast
from fnmatch import fnmatch

import parity
from tests.project.sources import SOURCES

# Modules that still write "jax" or "torch" where `parity.sides` has the name. This list only shrinks.
# The catalogue names its sides as data, the page its colours, and `sys.modules` the package of PyTorch.
KNOWN_LITERALS = ["parity.power.functions.*", "parity.report.page.svg", "parity.transforms.state"]
# Functions that hide the module of the same name. This list only shrinks.
KNOWN_SHADOWED: set[str] = set()


def writes_a_side(tree: ast.Module) -> bool:
    """Whether a string in the module is exactly "jax" or "torch"; bare strings are docstrings."""
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return any(
        isinstance(node, ast.Constant) and node.value in ("jax", "torch") and node not in docstrings
        for node in ast.walk(tree)
    )


def test_the_names_of_the_sides_are_written_in_one_place():
    writing = {name for name, tree in SOURCES.items() if writes_a_side(tree)} - {"parity.sides"}
    assert [name for name in writing if not any(fnmatch(name, known) for known in KNOWN_LITERALS)] == []
    assert [known for known in KNOWN_LITERALS if not any(fnmatch(name, known) for name in writing)] == [], (
        "these write neither name any more: take them off the list"
    )


def bound(tree: ast.Module) -> set[str]:
    """The names that a module binds at its top: definitions, assignments, imports."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return names


def test_no_module_shadows_what_its_package_offers():
    shadowed = {
        name
        for name in SOURCES
        for package, _, stem in [name.rpartition(".")]
        if package and stem in bound(SOURCES[package])
    }
    assert shadowed == KNOWN_SHADOWED


def test_what_parity_offers_exists():
    assert [name for name in parity.__all__ if not hasattr(parity, name)] == []
    assert sorted(parity.__all__) == parity.__all__
