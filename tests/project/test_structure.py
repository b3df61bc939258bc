"""Both packages have the same modules, functions, arguments, docstrings and axes; and who may import whom.

The sources are parsed, never imported, so that these tests look at both packages where only one framework is installed.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from parity import ops
from parity.spec import Array

ROOT = Path(__file__).parents[2]
STANDARD = sys.stdlib_module_names - {"importlib", "runpy"}  # not through the back door


def sources(folder):
    found = {path.stem: ast.parse(path.read_text()) for path in sorted((ROOT / folder).glob("*.py"))}
    assert found, f"no source in {folder}"
    return found


JAX, TORCH = sources("impl_jax"), sources("impl_torch")
MODULES = sorted(set(JAX) & set(TORCH))


def functions(module):
    return {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}


def public_names(module):
    assigned = [target.id for node in module.body if isinstance(node, ast.Assign) for target in node.targets]
    return sorted(name for name in [*functions(module), *assigned] if not name.startswith("_"))


def constants(module):
    values = {}
    for node in module.body:
        if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Call):
            values[node.targets[0].id] = ast.literal_eval(node.value)
    return values


def signature(function):
    """Names and annotations in order, then the return annotation; the array type is called Array on both sides."""
    arguments = function.args
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    annotations = [*((one.arg, one.annotation) for one in listed), ("return", function.returns)]
    return [(name, ast.unparse(annotation).replace("Tensor", "Array")) for name, annotation in annotations], (
        ast.unparse(arguments).count("*"),
        [ast.unparse(default) for default in arguments.defaults],
    )


def axes(annotation):
    """The axis strings in an annotation, in order."""
    strings = [node for node in ast.walk(annotation) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [node.value.strip() for node in sorted(strings, key=lambda node: (node.lineno, node.col_offset))]


def imports(module):
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            # `from parity import ops` and `from parity.ops import attention` both name a module.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Name) and node.id == "__import__":
            yield "__import__"


def is_below(name, allowed):
    return any(name == package or name.startswith(f"{package}.") for package in allowed)


def test_same_modules():
    assert set(JAX) == set(TORCH)
    assert set(ops.names()) <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_same_public_names_and_constants(name):
    assert public_names(JAX[name]) == public_names(TORCH[name])
    assert constants(JAX[name]) == constants(TORCH[name])


@pytest.mark.parametrize("name", MODULES)
def test_same_signatures_and_axes(name):
    jax, torch = functions(JAX[name]), functions(TORCH[name])
    for function in jax:
        if not function.startswith("_"):
            assert signature(jax[function]) == signature(torch[function]), function


@pytest.mark.parametrize("name", MODULES)
def test_same_docstrings(name):
    if name != "__init__":
        assert ast.get_docstring(JAX[name]) == ast.get_docstring(TORCH[name])
    jax, torch = functions(JAX[name]), functions(TORCH[name])
    for function in jax:
        if not function.startswith("_"):
            assert ast.get_docstring(jax[function]), function
            assert ast.get_docstring(jax[function]) == ast.get_docstring(torch[function]), function


@pytest.mark.parametrize("name", ops.names())
def test_arguments_and_axes_are_those_of_the_spec(name):
    op = ops.load(name)
    function = functions(JAX[name])[name]
    assert [argument.arg for argument in function.args.args] == list(op.inputs)
    for argument in function.args.args:
        spec = op.inputs[argument.arg]
        if isinstance(spec, str | Array):
            assert axes(argument.annotation) == [spec if isinstance(spec, str) else spec.axes], argument.arg
    outputs = op.outputs if isinstance(op.outputs, tuple) else (op.outputs,)
    assert axes(function.returns) == [output for output in outputs if isinstance(output, str)]


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [
        ("impl_jax", STANDARD | {"jax", "jaxtyping", "impl_jax"}),
        ("impl_torch", STANDARD | {"torch", "jaxtyping", "impl_torch"}),
        ("parity/ops", STANDARD | {"numpy", "parity.spec", "parity.ops"}),
    ],
)
def test_imports_only_what_it_may(folder, allowed):
    for name, module in sources(folder).items():
        # parity/ops/__init__.py finds the operations: it loads modules by name and raises InputError.
        extra = {"importlib", "parity.errors"} if (folder, name) == ("parity/ops", "__init__") else set()
        found = set(imports(module))
        assert [one for one in found if not is_below(one, allowed | extra)] == [], f"{folder}/{name}.py"


def test_parity_imports_no_framework():
    program = "import sys, parity, parity.ops; [parity.ops.load(n) for n in parity.ops.names()]; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "numpy" in loaded.split()
    assert not {"jax", "jaxlib", "torch", "jaxtyping", "impl_jax", "impl_torch"} & set(loaded.split())
