"""A reduction over another axis: the stretch from the reduction to where it is used again is computed at full size."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from parity.causes.constants import close
from parity.causes.context import Context
from parity.causes.hypothesis import Hypothesis
from parity.programs.operations import ELEMENTWISE, REDUCTIONS, TABLE, count
from parity.programs.program import Edit, Node, Program, Ref


@dataclass(frozen=True)
class Region:
    """Nodes between reductions of arrays of one shape and the first nodes of that shape again."""

    full: tuple[int, ...]
    dims: tuple[int, ...]
    reductions: frozenset[int]
    inside: frozenset[int]


def _region(program: Program, index: int) -> Region | None:
    node = program.nodes[index]
    full, dims = program.nodes[node.operands[0]].shape, tuple(node.args[1])
    kept = tuple(1 if d in dims else s for d, s in enumerate(full))
    inside, stack = {index}, [index]
    while stack:
        for user in program.users[stack.pop()]:
            other = program.nodes[user]
            if (other.shape == full and other.op not in ("broadcast", "reshape")) or user in inside:
                continue
            moves = other.op in ("reshape", "broadcast") and (
                other.shape in (kept, full) or [s for s in other.shape if s > 1] == [s for s in kept if s > 1]
            )
            if not moves and not (other.op in ELEMENTWISE and other.shape in (kept, node.shape)):
                return None
            inside.add(user)
            stack.append(user)
    return Region(full, dims, frozenset({index}), frozenset(inside))


def _joined(regions: list[Region]) -> Region:
    return Region(
        regions[0].full,
        regions[0].dims,
        frozenset().union(*(r.reductions for r in regions)),
        frozenset().union(*(r.inside for r in regions)),
    )


def reductions(context: Context) -> Iterator[Hypothesis]:
    """Reductions over other axes: those of one line, of one kind, and each alone."""
    program = context.program
    reducing = [i for i in program.live if program.nodes[i].op in REDUCTIONS and program.nodes[i].operands]
    regions = [region for i in reducing if (region := _region(program, i))]
    by_kind: dict[Any, list[Region]] = {}
    by_line: dict[Any, list[Region]] = {}
    for region in regions:
        place = program.nodes[min(region.reductions)].place
        by_kind.setdefault((region.full, region.dims), []).append(region)
        by_line.setdefault((region.full, region.dims, place), []).append(region)
    sets = [_joined(group) for group in (*by_line.values(), *by_kind.values())] + regions
    tried = set()
    for region in sets:
        for dims in _choices(region):
            key = (region.reductions, dims)
            if key not in tried:
                tried.add(key)
                yield _over(program, region, dims)


def _choices(region: Region) -> list[tuple[int, ...]]:
    rank = len(region.full)
    sizes = (len(region.dims),) if rank > 4 else tuple(range(1, rank + 1))
    options = [dims for size in sizes for dims in itertools.combinations(range(rank), size)]
    return [dims for dims in options if dims != region.dims]


def _over(program: Program, region: Region, dims: tuple[int, ...]) -> Hypothesis:
    before, now = count(region.full, region.dims), count(region.full, dims)
    nodes = {}
    for index in region.inside:
        node = program.nodes[index]
        if index in region.reductions:
            nodes[index] = _full_size(node, dims, region.full)
        elif node.op in ("reshape", "broadcast"):
            nodes[index] = Node(node.op, lambda x, *_: x, node.args, node.place, node.shape, node.dtype)
        else:
            nodes[index] = _recounted(program, region, node, before, now)
    is_softmax = any(
        program.nodes[i].op == "sum" and program.nodes[program.nodes[i].operands[0]].op == "exp"
        for i in region.reductions
    )
    name = "softmax axis" if is_softmax else "reduction axis"
    places = ", ".join(dict.fromkeys(str(program.nodes[i]) for i in sorted(region.reductions)))
    return Hypothesis(
        name, f"{places}: over axes {dims} in place of {region.dims} of {region.full}", Edit(nodes), 4 + 0.1 * len(dims)
    )


def _full_size(node: Node, dims: tuple[int, ...], full: tuple[int, ...]) -> Node:
    reduce: Callable[..., Tensor] = TABLE[node.op]

    def compute(x: Tensor, _dims: Any) -> Tensor:
        kept = tuple(1 if d in dims else s for d, s in enumerate(full))
        return reduce(x, dims).reshape(kept).expand(full)

    return Node(node.op, compute, node.args, node.place, full, node.dtype)


def _recounted(program: Program, region: Region, node: Node, before: int, now: int) -> Node:
    """Divisors that are the number of reduced elements follow it; operands from outside keep their place."""
    args = []
    for arg in node.args:
        if isinstance(arg, float) and node.op in ("div", "mul"):
            for less in (0, 1):
                if close(arg, before - less):
                    arg = float(now - less)
                elif before > less and close(arg, 1 / (before - less)) and now > less:
                    arg = 1 / (now - less)
        args.append(arg)
    outside = [
        p
        for p, a in enumerate(node.args)
        if isinstance(a, Ref) and a.index not in region.inside and program.nodes[a.index].shape not in ((), region.full)
    ]
    compute = node.compute
    assert compute is not None
    kept = tuple(1 if d in region.dims else s for d, s in enumerate(region.full))

    def widened(*values: Any) -> Any:
        return compute(*(v.reshape(kept) if p in outside else v for p, v in enumerate(values)))

    return Node(node.op, widened, tuple(args), node.place, region.full, node.dtype)
