"""Every cell has a function and an identity on both sides, with the same parameters, and every function has a cell.

The sources are parsed, never imported, so that both are looked at where only one framework is installed.
"""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from pathlib import Path

import pytest

from parity.errors import InputError
from parity.transforms import identities
from parity.transforms.catalogue import CELLS, GROUPS, select
from parity.transforms.fixtures import VALUES, Fixtures

ROOT = Path(__file__).parents[2] / "parity" / "transforms"


def definitions(side, module):
    tree = ast.parse((ROOT / f"in_{side}" / f"{module}.py").read_text(encoding="utf-8"))
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


def functions(side, module):
    return {node.name: [argument.arg for argument in node.args.args] for node in definitions(side, module)}


def docstrings(side, module):
    return {node.name: ast.get_docstring(node) for node in definitions(side, module)}


@pytest.mark.parametrize("group", [*GROUPS, "identities"])
def test_both_sides_have_the_same_functions_with_the_same_parameters(group):
    assert functions("jax", group) == functions("torch", group)


@pytest.mark.parametrize("group", [*GROUPS, "identities"])
def test_both_sides_say_the_same_of_every_function(group):
    said = {side: docstrings(side, group) for side in ("jax", "torch")}
    assert said["jax"] == said["torch"]
    assert all(said["jax"].values())


@pytest.mark.parametrize("group", GROUPS)
def test_every_function_is_a_cell_and_every_cell_a_function(group):
    assert list(functions("jax", group)) == [cell.function for cell in CELLS if cell.group == group]


def test_every_identity_is_used_and_there():
    shared = {name for name, _ in inspect.getmembers(identities, inspect.isfunction)} - {"gradient_in_order"}
    own = set(functions("jax", "identities"))
    assert not shared & own
    assert shared | own == {cell.identity for cell in CELLS}


def test_every_parameter_is_a_fixture():
    known = {*VALUES, "value", "pair", "kit", *(name for name in vars(Fixtures) if not name.startswith("_"))}
    for name, function in inspect.getmembers(identities, inspect.isfunction):
        if name != "gradient_in_order":
            assert set(inspect.signature(function).parameters) <= known, name
    for module in (*GROUPS, "identities"):
        for name, parameters in functions("jax", module).items():
            assert set(parameters) <= known, name


def test_names_are_unique_and_every_group_has_cells():
    assert max(Counter((cell.group, cell.name) for cell in CELLS).values()) == 1
    assert [*dict.fromkeys(cell.group for cell in CELLS)] == list(GROUPS)


def test_cells_that_compile_say_so():
    # A cell that gives a compiled function is called twice and counted.
    for side, compiler in (("jax", "jit"), ("torch", "compile")):
        for group in ("jit", "compositions"):
            tree = ast.parse((ROOT / f"in_{side}" / f"{group}.py").read_text(encoding="utf-8"))
            for node in tree.body:
                if isinstance(node, ast.FunctionDef) and node.name != "compilations":
                    uses = any(isinstance(n, ast.Attribute) and n.attr == compiler for n in ast.walk(node))
                    (cell,) = [cell for cell in CELLS if (cell.group, cell.function) == (group, node.name)]
                    assert uses == bool(cell.graphs) == bool(cell.on), node.name


def test_select():
    assert select(None, own=False) + select(None, own=True) != CELLS
    assert sorted(select(None, own=False) + select(None, own=True), key=CELLS.index) == list(CELLS)
    assert {cell.group for cell in select(("vmap",), own=False)} == {"vmap"}
    assert [cell.name for cell in select(("vmap",), own=True)] == ["randomness"]
    with pytest.raises(InputError, match="groups: got 'x', expected some of jit, vmap, grad, compositions"):
        select(("x",), own=False)
