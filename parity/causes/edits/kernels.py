"""Kernels that are laid over an image the other way round, and images that are made smaller with or without smoothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from parity.causes.context import Context
from parity.causes.edits.sites import groups, title
from parity.causes.hypothesis import Hypothesis
from parity.programs.program import Edit, Node, Program

_RESIZED = {"upsample_bilinear2d": "bilinear", "upsample_bicubic2d": "bicubic"}


def flips(context: Context) -> Iterator[Hypothesis]:
    """A convolution against a correlation: the kernel turned round in space, along all axes or along one."""
    program = context.program
    for members, node in groups(program):
        if node.op != "convolution":
            continue
        rank = len(program.nodes[node.operands[1]].shape)
        for axes in (tuple(range(2, rank)), *((axis,) for axis in range(2, rank) if rank > 3)):
            edit = Edit({i: _flipped(program.nodes[i], axes) for i in members})
            change = f"{title(program, members)} with its kernel flipped in space, along axes {[a - 2 for a in axes]}"
            yield Hypothesis("reversed index", change, edit, 4)


def _flipped(node: Node, axes: tuple[int, ...]) -> Node:
    compute = node.compute
    assert compute is not None
    return replace(node, compute=lambda x, kernel, *rest: compute(x, kernel.flip(axes), *rest))


def antialiased(context: Context) -> Iterator[Hypothesis]:
    """An image that torch makes smaller, smoothed before."""
    program = context.program
    for members, node in groups(program):
        if node.op in _RESIZED:
            edit = Edit({i: _smoothed(program, i) for i in members})
            yield Hypothesis("antialias", f"{title(program, members)} with antialias=True", edit, 3)


def _smoothed(program: Program, index: int) -> Node:
    node = program.nodes[index]
    size, mode = node.shape[-2:], _RESIZED[node.op]

    def compute(x: Tensor, *_: Any) -> Tensor:
        return torch.nn.functional.interpolate(x, size, mode=mode, antialias=True)

    return replace(node, compute=compute)
