"""Recognises activation functions by what they do, however they are written, and exchanges them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional

from parity.causes.context import Context
from parity.causes.edits.sites import groups, title
from parity.causes.hypothesis import Hypothesis
from parity.judge.tolerances import CAUSE_ACTIVATION_ATOL, CAUSE_ACTIVATION_RTOL
from parity.programs.interpreter import Interpreter
from parity.programs.operations import ELEMENTWISE
from parity.programs.program import Edit, Program

KNOWN: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu (erf)": functional.gelu,
    "gelu (tanh)": lambda x: functional.gelu(x, approximate="tanh"),
    "gelu (sigmoid)": lambda x: x * torch.sigmoid(1.702 * x),
    "silu": functional.silu,
    "relu": functional.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    "elu": functional.elu,
    "selu": functional.selu,
    "leaky relu": functional.leaky_relu,
    "relu6": functional.relu6,
    "hard swish": functional.hardswish,
    "mish": functional.mish,
    "softsign": functional.softsign,
    "squared relu": lambda x: functional.relu(x) ** 2,
    "exp": torch.exp,
    "hard sigmoid": functional.hardsigmoid,
    "log sigmoid": functional.logsigmoid,
}


def activations(context: Context, interpreter: Interpreter) -> Iterator[Hypothesis]:
    """Every activation that is recognised, exchanged for each other one."""
    program = context.program
    for members, _ in groups(program):
        recognised = {index: _recognise(program, interpreter, index) for index in members}
        sources = {index: source for index, (_, source) in recognised.items()}
        name = recognised[members[0]][0]
        if not all(known for known, _ in recognised.values()):
            continue
        for other, function in KNOWN.items():
            if other != name:
                edit = Edit(after={i: _replaced(source, function) for i, source in sources.items()})
                gelu = name.startswith("gelu") and other.startswith("gelu")
                yield Hypothesis(
                    "gelu form" if gelu else "another activation",
                    f"{title(program, members)}: {other} in place of {name}",
                    edit,
                    2 if gelu else 5,
                )


def _replaced(source: int, function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda _value, get: function(get(source))


def _recognise(program: Program, interpreter: Interpreter, index: int) -> tuple[str, int]:
    """The name of the known function that gives this node from an earlier one, and the number of that one; "" if none does."""
    node = program.nodes[index]
    if node.op not in ELEMENTWISE or not node.is_floating or not node.shape:
        return "", 0
    value = interpreter.value(index)
    for source, _steps in program.above(index, 10).items():
        other = program.nodes[source]
        given = interpreter.value(source)
        if other.shape != node.shape or not other.is_floating or not (given.min() < 0 < given.max()):
            continue  # on one side of zero a relu is no relu
        for name, function in KNOWN.items():
            with torch.no_grad():
                if torch.allclose(
                    function(given.double()), value.double(), rtol=CAUSE_ACTIVATION_RTOL, atol=CAUSE_ACTIVATION_ATOL
                ):
                    return name, source
    return "", 0
