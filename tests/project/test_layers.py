"""Who imports whom: the table of layers in pyproject.toml, checked on every import, lazy and dynamic ones included."""

from __future__ import annotations

import ast
import fnmatch
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from parity import ops
from tests.project.sources import PYPROJECT, ROOT, SOURCES

LAYERS = PYPROJECT["tool"]["parity"]["layers"]
RANKS = {
    package: {entry: rank for rank, line in enumerate(lines) for entry in line.split()}
    for package, lines in LAYERS.items()
}
MODULE = re.compile(r"(parity|impl_jax|impl_torch)(\.\w+)+")
OURS = ("parity.", "impl_")
STANDARD = sys.stdlib_module_names - {"importlib", "runpy"}  # dynamic imports are allowed by name only

# Modules that import what their caller names.
IMPORTS_ANYTHING = {"parity.data.named", "parity.transforms.page"}


def written(name: str, string: ast.expr) -> str:
    """The string that an expression in module `name` makes, with `*` for every part that only the run knows."""
    if isinstance(string, ast.Constant):
        return str(string.value)
    if isinstance(string, ast.JoinedStr):
        return "".join(written(name, part) for part in string.values)
    if isinstance(string, ast.FormattedValue):
        return written(name, string.value)
    return {"__name__": name, "__package__": name.rpartition(".")[0]}.get(ast.unparse(string), "*")


def imports(name: str, tree: ast.Module) -> Iterator[str]:
    """Every dotted name that a module imports, loads with `import_module` or writes as a string."""
    in_f_strings = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno}: a relative import"
            # `from parity import ops` and `from parity.ops import load` both name a module.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            target = written(name, node.args[0])
            if target.startswith("*"):
                assert name in IMPORTS_ANYTHING, f"{name}:{node.lineno}: an import that nobody can check"
                continue
            assert not target.startswith(OURS) or matching(target), (
                f"{name}:{node.lineno}: no module is called {target}"
            )
            yield target
        elif isinstance(node, ast.Constant) and node not in in_f_strings and MODULE.fullmatch(str(node.value)):
            assert matching(node.value), f"{name}:{node.lineno}: no module is called {node.value}"
            yield node.value


def matching(pattern: str) -> list[str]:
    return fnmatch.filter(SOURCES, pattern) if "*" in pattern else [pattern] if pattern in SOURCES else []


def modules(target: str) -> list[str]:
    """The modules of this project that an import loads: the longest part of the name that is a module."""
    while target and not matching(target):
        target = target.rpartition(".")[0]
    return matching(target)


def entry(module: str, package: str) -> str | None:
    """The entry of the package's table that a module belongs to; None outside the package."""
    if module == package:
        return "__init__"
    prefix = f"{package}." if package else ""
    return module.removeprefix(prefix).split(".")[0] if module.startswith(prefix) else None


def is_upward(module: str, imported: str) -> bool:
    for package, ranks in RANKS.items():
        importing, target = entry(module, package), entry(imported, package)
        if importing and target and importing != target and ranks.get(target, 0) >= ranks.get(importing, 0):
            return True
    return False


@pytest.mark.parametrize("package", RANKS)
def test_the_table_has_every_module_once(package):
    entries = [one for line in LAYERS[package] for one in line.split()]
    assert sorted(entries) == sorted({entry(module, package) for module in SOURCES} - {None})


def test_nothing_imports_what_is_below_it():
    upward = {
        (name, imported)
        for name, tree in SOURCES.items()
        for target in imports(name, tree)
        for imported in modules(target)
        if is_upward(name, imported)
    }
    assert upward == set()


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("impl_jax", STANDARD | {"jax", "jaxtyping", "impl_jax"}),
        ("impl_torch", STANDARD | {"torch", "jaxtyping", "impl_torch"}),
        ("parity.ops", STANDARD | {"numpy", "parity.spec", "parity.ops"}),
    ],
)
def test_mathematics_imports_only_what_it_may(package, allowed):
    for name, tree in SOURCES.items():
        if entry(name, package) is None:
            continue
        # parity/ops/__init__.py finds the operations: it loads modules by name and raises InputError.
        extra = {"importlib", "parity.errors"} if name == "parity.ops" else set()
        foreign = [
            target
            for target in imports(name, tree)
            if not any(target == top or target.startswith(f"{top}.") for top in allowed | extra)
        ]
        assert foreign == [], name


def test_importing_parity_imports_no_framework():
    names = ["parity", "parity.cli", *(f"parity.ops.{name}" for name in ops.names())]
    program = f"import sys, {', '.join(names)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert set(names) <= loaded
    assert not {"jax", "jaxlib", "torch", "jaxtyping", "impl_jax", "impl_torch"} & loaded
