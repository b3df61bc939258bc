"""Both packages have the same modules, functions, arguments, docstrings and axes."""

from __future__ import annotations

import ast

import pytest

from parity import ops
from parity.spec import Array
from tests.project.sources import SOURCES


def sources(package):
    return {name.removeprefix(f"{package}."): tree for name, tree in SOURCES.items() if name.startswith(f"{package}.")}


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


def test_same_modules():
    assert set(JAX) == set(TORCH)
    assert MODULES
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
