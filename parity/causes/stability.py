"""Why one side's arithmetic is worse: usual patterns that stand in its program, and not in the other side's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from parity.causes.context import CARRIERS
from parity.causes.precision import LOW
from parity.causes.tracing import interpreter_of, program_of
from parity.data.dtypes import as_float64, smallest
from parity.execution.run_cache import RunCache
from parity.judge import variants
from parity.judge.finding import Cause, Finding, Verdict
from parity.programs.interpreter import as_numpy
from parity.programs.program import Node, Program, Ref
from parity.sides import SIDES, other

_NEAR = 8  # steps that are walked up from a node
_HANDS_ON = CARRIERS | {"item", "gather", "index", "flip", "concat"}
_SCALED = _HANDS_ON | {"mul", "div"}
_SUMS = {"sum", "window_sum", "dot", "cumsum", "convolution"}
_LOOPS = {"scan", "while"}
# Functions with roots, beside which they lose what a subtraction inside of them cancels.
_ROOTS = {"log", "log2", "log10", "log1p", "lgamma", "digamma", "sin", "cos", "tan"}
_CANCELLED = 64.0  # six bits: below it no side was seen worse


def with_causes(cache: RunCache, findings: Sequence[Finding], deadline: float) -> tuple[Finding, ...]:
    """`findings` with the patterns of the worse side as causes of those that are STABILITY."""
    sides = {f.side for f in findings if f.verdict is Verdict.STABILITY and f.side in SIDES}
    if not sides:
        return tuple(findings)
    programs = {side: program_of(cache, side, deadline) for side in SIDES}
    causes = {side: _causes(programs[side], programs[other(side)]) for side in sides if side is not None}
    return tuple(
        replace(
            f, causes=f.causes + (_flushed(cache, f) or causes[f.side] or _cancelled(cache, programs[f.side], f.leaf))
        )
        if f.verdict is Verdict.STABILITY and f.side in causes
        else f
        for f in findings
    )


def _causes(worse: Program | None, better: Program | None) -> tuple[Cause, ...]:
    """A pattern speaks only where it is known that the other side does without it."""
    if worse is None or better is None:
        return ()
    causes = []
    for name, find in _PATTERNS.items():
        found, elsewhere = list(find(worse)), next(find(better), None)
        if found and elsewhere is None:
            places = ", ".join(dict.fromkeys(str(worse.nodes[i]) for i in found[:3]))
            causes.append(Cause(name, f"{worse.side}: {places}; the other side has none"))
    return tuple(causes)


def _flushed(cache: RunCache, finding: Finding) -> tuple[Cause, ...]:
    """Zeros where the side's own float64 value is a number too small for all of the dtype's bits."""
    if finding.dtype == "float64" or finding.side is None:
        return ()
    given = variants.given(finding.regime, finding.dtype)
    low, high = (
        cache.result(finding.side, dtype, "eager", given).leaf(finding.leaf) for dtype in (finding.dtype, "float64")
    )
    if low is None or high is None or low.shape != high.shape or low.dtype.kind not in "fV":
        return ()
    size = np.abs(as_float64(high))
    zeros = (as_float64(low) == 0) & (size > 0) & (size < smallest(finding.dtype))
    told = f"{finding.side}: {int(zeros.sum())} of {zeros.size} elements that {finding.dtype} holds as subnormal numbers are zero"
    is_largest = zeros.any() and zeros.flat[np.argmax(np.abs(as_float64(low) - as_float64(high)))]
    return (Cause("subnormal numbers", told),) if is_largest else ()


def _cancelled(cache: RunCache, program: Program | None, leaf: str) -> tuple[Cause, ...]:
    """The last step of an output, if it gives much less than it is given: the output is near a root."""
    last = _source(program, Ref(program.outputs[leaf]), _SCALED) if program and leaf in program.outputs else None
    if program is None or last is None:
        return ()
    node, interpreter = program.nodes[last], interpreter_of(cache, program)
    if node.op not in _ROOTS | {"add", "sub"}:
        return ()
    given = max((float(np.abs(as_numpy(interpreter.value(i))).max()) for i in node.operands), default=0.0)
    gave = float(np.abs(as_numpy(interpreter.value(last))).max())
    if not given >= _CANCELLED * gave > 0:
        return ()
    told = f"{program.side}: {node} gives {gave:.2g} at most and is given up to {given:.2g}"
    return (Cause("cancellation near a root", told),)


def _source(program: Program, arg: object, through: set[str] = _HANDS_ON) -> int | None:
    """The node that an argument comes from, through what hands its numbers on or scales them."""
    for _ in range(_NEAR):
        if not isinstance(arg, Ref):
            return None
        node = program.nodes[arg.index]
        if node.op not in through or not node.args:
            return arg.index
        if node.op in ("mul", "div") and len(node.operands) != 1:
            return arg.index
        arg = next((a for a in node.args if isinstance(a, Ref)), None) or _first(node)
    return None


def _first(node: Node) -> Ref | None:
    return Ref(node.operands[0]) if node.operands else None


def _squared(program: Program, arg: object) -> int | None:
    """What is squared here."""
    index = _source(program, arg)
    node = program.nodes[index] if index is not None else None
    if node is None:
        return None
    if node.op == "pow" and node.args[1] == 2:
        return _source(program, node.args[0])
    if node.op == "mul" and len(node.operands) == 2 and node.operands[0] == node.operands[1]:
        return _source(program, node.args[0])
    return None


def _cancelled_variances(program: Program) -> Iterator[int]:
    """E[x²] − E[x]²."""
    for index in program.live:
        node = program.nodes[index]
        if node.op != "sub" or len(node.operands) != 2:
            continue
        reduced, mean = _source(program, node.args[0], _SCALED), _squared(program, node.args[1])
        if reduced is None or mean is None or program.nodes[reduced].op != "sum":
            continue
        values = _squared(program, program.nodes[reduced].args[0])
        mean_source = _source(program, Ref(mean), _SCALED)
        if mean_source is None or program.nodes[mean_source].op != "sum":
            continue
        if values is not None and values == _source(program, program.nodes[mean_source].args[0]):
            yield index


def _logs_of_probabilities(program: Program) -> Iterator[int]:
    """log(sigmoid(x)), log(1 − sigmoid(x)), log(softmax(x)), with something small added or not."""
    for index in program.live:
        if program.nodes[index].op not in ("log", "log1p", "log2"):
            continue
        current = _source(program, program.nodes[index].args[0])
        for _ in range(_NEAR):
            node = program.nodes[current] if current is not None else None
            if node is None or _is_probability(program, node):
                break
            is_near = node.op in ("add", "sub", "max", "min", "clamp", "neg") and len(node.operands) == 1
            current = _source(program, _first(node)) if is_near else None
        if current is not None:
            yield index


def _is_probability(program: Program, node: Node) -> bool:
    if node.op == "sigmoid":
        return True
    if node.op != "div" or not isinstance(node.args[1], Ref):
        return False
    below = _source(program, node.args[1])
    if below is None:
        return False
    if not isinstance(node.args[0], Ref):  # 1 / (1 + exp(-x))
        operands = [program.nodes[i].op for i in program.nodes[below].operands]
        return node.args[0] == 1 and program.nodes[below].op == "add" and operands == ["exp"]
    above = _source(program, node.args[0])
    is_sum = program.nodes[below].op == "sum"
    return (
        is_sum
        and above is not None
        and program.nodes[above].op == "exp"
        and _source(program, program.nodes[below].args[0]) == above
    )


def _low_sums(program: Program) -> Iterator[int]:
    """Sums in a precision below that of the inputs."""
    for index in program.live:
        node = program.nodes[index]
        if node.op in _SUMS and node.dtype in LOW and node.operands:
            yield index


def _one_by_one(program: Program) -> Iterator[int]:
    """Loops, where nothing is summed at once."""
    live = [index for index in program.live if program.nodes[index].op in _LOOPS]
    if all(program.nodes[index].op not in _SUMS for index in program.live):
        yield from live


def _unguarded(program: Program) -> Iterator[int]:
    """Exponentials that are summed without their largest exponent taken away first."""
    for index in program.live:
        node = program.nodes[index]
        if node.op not in ("exp", "exp2") or not node.operands:
            continue
        near = [program.nodes[i].op for i in program.above(index, _NEAR)]
        if {"amax", "max", "min", "clamp", "cummax", "abs", "where", "pow"}.isdisjoint(near) and _is_summed(
            program, index
        ):
            yield index


def _is_summed(program: Program, index: int) -> bool:
    layer = [index]
    for _ in range(3):
        layer = [user for i in layer for user in program.users[i]]
        if any(program.nodes[user].op in ("sum", "add", "cumsum", "log1p") for user in layer):
            return True
        layer = [user for user in layer if program.nodes[user].op in _HANDS_ON]
    return False


_PATTERNS: dict[str, Callable[[Program], Iterator[int]]] = {
    "variance as E[x²] − E[x]²": _cancelled_variances,
    "log of a sigmoid or softmax": _logs_of_probabilities,
    "low-precision accumulation": _low_sums,
    "accumulation one by one": _one_by_one,
    "exp without its largest exponent taken away": _unguarded,
}
