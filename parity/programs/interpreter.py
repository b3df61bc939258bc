"""Runs a program, with an edit or without: what an edit does not reach is taken from the unedited run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from parity.data.inputs import cotangent
from parity.data.leaf import Kind, LeafName
from parity.programs.program import Edit, Program, Ref

NO_EDIT = Edit()


def fill(args: Any, value: Callable[[int], Any]) -> Any:
    """`args` with every `Ref` replaced by `value` of its number."""
    if isinstance(args, Ref):
        return value(args.index)
    if isinstance(args, tuple):
        return tuple(fill(arg, value) for arg in args)
    if isinstance(args, list):
        return [fill(arg, value) for arg in args]
    return args


class Interpreter:
    """A program on fixed inputs.

    Args:
        arrays: the inputs by name.
        wrt: names of the inputs to which the cotangents of a check are pulled back.
    """

    def __init__(self, program: Program, arrays: Mapping[str, np.ndarray], wrt: tuple[str, ...]) -> None:
        self.program = program
        self.arrays = {name: torch.from_numpy(np.array(arrays[name], order="C")) for name in program.inputs}
        self.wrt = wrt
        with torch.no_grad():
            self.base = self._run(self._given(self.arrays), NO_EDIT, set(program.live))

    def _given(self, arrays: Mapping[str, torch.Tensor]) -> dict[int, Any]:
        return {index: arrays[name] for name, index in self.program.inputs.items()}

    def _run(self, values: dict[int, Any], edit: Edit, wanted: set[int]) -> dict[int, Any]:
        """Fills `values` with the nodes in `wanted`, which must hold whatever `edit` changes."""
        nodes, pending = self.program.nodes, set()
        changed_inputs = {i: values.pop(i) for i in edit.after if nodes[i].op == "input" and i in values}

        def value(index: int) -> Any:
            if index in values:
                return values[index]
            if index in pending:
                raise RecursionError("the edit makes a node depend on itself")
            pending.add(index)
            if index in changed_inputs:
                result = changed_inputs[index]
            else:
                node = edit.nodes.get(index, nodes[index])
                assert node.compute is not None
                result = node.compute(*fill(node.args, value))
            if index in edit.after:
                result = edit.after[index](result, value)
            values[index] = result
            return result

        for index in sorted(wanted):
            value(index)
        return values

    def outputs(self, edit: Edit = NO_EDIT) -> dict[str, Any]:
        """The output leaves, without gradients: float64 tensors, and numbers."""
        leaves = {**self.program.outputs, **edit.outputs}
        dirty = self.program.below(edit.touched)
        values = {
            index: value
            for index, value in self.base.items()
            if index not in dirty or self.program.nodes[index].op == "input"
        }
        with torch.no_grad():
            self._run(values, edit, set(leaves.values()))
        return {name: values[index] for name, index in leaves.items()}

    def value(self, index: int) -> Any:
        """What a node gives without an edit."""
        return self.base[index]

    def leaves(self, edit: Edit = NO_EDIT) -> dict[str, np.ndarray]:
        """Outputs and gradients by leaf name, in float64."""
        sources = {name: self.arrays[name].clone().requires_grad_() for name in self.wrt if name in self.arrays}
        leaves = {**self.program.outputs, **edit.outputs}
        with torch.enable_grad():
            values = self._run(self._given({**self.arrays, **sources}), edit, set(leaves.values()))
        outputs = {name: values[index] for name, index in leaves.items()}
        flowing = {n: x for n, x in outputs.items() if isinstance(x, torch.Tensor) and x.requires_grad}
        gradients: tuple[torch.Tensor, ...] = tuple(map(torch.zeros_like, sources.values()))
        if flowing and sources:
            # As in torch's backend: the cotangent conjugated, and the gradients conjugated back.
            given = {n: torch.from_numpy(cotangent(n, tuple(x.shape), x.is_complex())) for n, x in flowing.items()}
            pulled = [given[n].conj().to(x.dtype) for n, x in flowing.items()]
            gradients = torch.autograd.grad(
                list(flowing.values()), list(sources.values()), pulled, allow_unused=True, materialize_grads=True
            )
            gradients = tuple(gradient.conj() for gradient in gradients)
        names = [LeafName.of(Kind.GRADIENT, name) for name in sources]
        return {name: as_numpy(leaf) for name, leaf in (*outputs.items(), *zip(names, gradients, strict=True))}


def as_numpy(value: Any) -> np.ndarray:
    """A tensor or number as an array, floating ones in float64, complex ones in complex128."""
    if isinstance(value, torch.Tensor):
        value = value.detach().resolve_conj().resolve_neg()
        if value.is_complex():
            return value.to(torch.complex128).numpy()
        return value.double().numpy() if value.is_floating_point() else value.numpy()
    return np.asarray(value)
