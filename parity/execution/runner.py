"""Runs one side once: copies of the inputs in, named NumPy arrays out, whatever the function does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import optree

from parity.data.arguments import Arguments
from parity.data.dtypes import cast
from parity.data.gauge import NO_GAUGE, Gauge
from parity.data.input_variant import GIVEN, InputVariant
from parity.data.inputs import cotangent
from parity.data.leaf import Kind, LeafName
from parity.execution import backends, lifting
from parity.execution.backends import Call, Evaluation
from parity.execution.conventions import aligned
from parity.execution.lifting import special
from parity.execution.limits import TimeLimitExceeded, time_limit
from parity.execution.no_derivative import no_derivative
from parity.execution.result import Problem, Result

# A compiled or lifted call compiles first, which takes seconds where the call takes microseconds.
COMPILE_PATIENCE = 5.0
# Modes beside those of a backend: every floating step in float64; and so, with the arrays that the code holds in less moved by
# a unit of their dtype.
LIFTED, NUDGED = "lifted", "lifted, held arrays nudged"
# How the mode of a run ends that has the matmul precision of the process.
AS_SET = ", precision as set"
_HELD = (
    "{side} trains or differentiates inside ({place}) and holds the result constant: it has no gradient of the whole; "
    "pass wrt=() to compare the outputs alone, or differentiate inside with create_graph=True or torch.func.grad"
)


class Runner(Protocol):
    """What gives the runs of one side: a live function today, a recording elsewhere."""

    @property
    def function(self) -> Callable[..., Any]:
        """The caller's function, where there is one."""

    def run(self, variant: InputVariant, inputs: Mapping[str, np.ndarray], dtype: str, mode: str) -> Result:
        """The run on these inputs, cast to `dtype`; `variant` is their name."""


@dataclass(frozen=True)
class LiveRunner:
    """Calls a function of one framework.

    Attributes:
        always: the mode that it runs in, whichever is asked for; empty for the one that is asked for.
        gauge: outputs that are aligned with others before anything is done with them.
    """

    function: Callable[..., Any]
    backend: str
    arguments: Arguments
    timeout_s: float
    device: str = "cpu"
    always: str = ""
    gauge: Gauge = NO_GAUGE
    _programs: dict[tuple[str, ...], lifting.Lifted] = field(default_factory=dict, compare=False, repr=False)

    def run(self, variant: InputVariant, inputs: Mapping[str, np.ndarray], dtype: str, mode: str) -> Result:
        """Runs the function on these inputs cast to `dtype`; `variant` makes no difference to a live run.

        The mode is one of `backends.MODES`, with `AS_SET` or without; or `LIFTED`: every floating step in float64, whatever
        the code asks for.
        """
        plain = mode.removesuffix(AS_SET)
        return run(
            self.function,
            self.arguments,
            inputs,
            backend=self.backend,
            dtype=dtype,
            mode=plain if plain in (LIFTED, NUDGED) else self.always or plain,
            precision=backends.HIGHEST if plain == mode else backends.CALLERS,
            timeout_s=self.timeout_s,
            device=self.device,
            gauge=self.gauge,
            programs=self._programs,
        )

    def lift(self, inputs: Mapping[str, np.ndarray]) -> lifting.Lifted | Problem:
        """The function with every floating step in float64, or why it cannot be lifted."""
        adapter = backends.get(self.backend)
        try:
            with time_limit(self.timeout_s), adapter.settings("float64", self.device):
                arrays = {n: adapter.from_numpy(cast(array, "float64"), self.device) for n, array in inputs.items()}

                def call(target: Callable[..., Any], given: Mapping[str, Any]) -> Any:
                    return self.arguments.call(target, self.arguments.tree(given))

                lifted = lifting.get(self.backend).lift(self.function, call, arrays, self.arguments.wrt)
        except (Exception, SystemExit, TimeLimitExceeded) as error:
            return Problem.of(error, "out")
        self._programs[self.arguments.wrt] = lifted
        return lifted

    def kernel_errors(self, inputs: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Special function → its error in float64 on these inputs; empty where that cannot be known."""
        if not special.is_known() or self.run(GIVEN, inputs, "float64", LIFTED).problems:
            return {}
        return self._programs[self.arguments.wrt].kernel_errors()


def run(
    function: Callable[..., Any],
    arguments: Arguments,
    inputs: Mapping[str, np.ndarray],
    *,
    backend: str,
    dtype: str,
    mode: str,
    timeout_s: float,
    device: str = "cpu",
    precision: str = backends.HIGHEST,
    gauge: Gauge = NO_GAUGE,
    programs: dict[tuple[str, ...], lifting.Lifted] | None = None,
) -> Result:
    """Calls `function` on `inputs` cast to `dtype`, with gradients to `arguments.wrt`.

    A function that raises, exits or hangs gives a `Result` with a problem; only Ctrl-C and errors of the caller pass
    through. When the gradient alone fails, the outputs are kept.

    Args:
        programs: keeps what was lifted for the next run, by what is differentiated.
    """
    adapter = backends.get(backend)
    if mode in (LIFTED, NUDGED):
        known = {} if programs is None else programs
        evaluate = partial(_evaluate_lifted, lifting.get(backend), known, mode == NUDGED)
    else:
        evaluate = partial(adapter.evaluate, compiled=mode == "compiled")
    attempt = partial(
        _attempt, backend, adapter, evaluate, function, arguments, inputs, dtype, device, precision, gauge
    )
    limit = timeout_s * (1.0 if mode == "eager" else COMPILE_PATIENCE)
    try:
        with time_limit(limit):
            return attempt(wrt=arguments.wrt)
    except (Exception, SystemExit, TimeLimitExceeded) as error:
        problem = Problem.of(error, Kind.GRADIENT)
    if arguments.wrt and not problem.is_timeout:
        try:
            with time_limit(limit):
                result = attempt(wrt=())
            if result.inner:  # its backward freed the graph, or its optimizer takes only leaves
                text = f"{_HELD.format(side=backend, place=result.inner)}; asked for one: {problem.words}"
                problem = Problem(Kind.GRADIENT, text, is_undecided=True)
            elif text := no_derivative(backend, problem.text):
                problem = replace(problem, text=text)
            return replace(result, gradients={}, problems=(problem,), held="")
        except (Exception, SystemExit, TimeLimitExceeded) as error:
            problem = Problem.of(error, "out")
    return Result(problems=(Problem("out", problem.text, problem.place, problem.is_timeout),))


def _evaluate_lifted(
    lifter: lifting.Lifting,
    programs: dict[tuple[str, ...], lifting.Lifted],
    nudged: bool,
    function: Callable[..., Any],
    call: Call,
    arrays: Mapping[str, Any],
    wrt: tuple[str, ...],
    cotangent: backends.Cotangent,
) -> Evaluation:
    if wrt not in programs:
        programs[wrt] = lifter.lift(function, call, arrays, wrt)
    return programs[wrt].run(arrays, cotangent, nudged=nudged)


def _attempt(
    backend: str,
    adapter: backends.Backend,
    evaluate: Callable[..., Evaluation],
    function: Callable[..., Any],
    arguments: Arguments,
    inputs: Mapping[str, np.ndarray],
    dtype: str,
    device: str,
    precision: str,
    gauge: Gauge,
    wrt: tuple[str, ...],
) -> Result:
    written: set[str] = set()

    def call(target: Callable[..., Any], arrays: Mapping[str, Any]) -> Any:
        tree = arguments.tree(arrays)
        output = arguments.call(target, tree)
        written.update(_changed_containers(tree, arguments.tree(arrays)))
        return output

    def fresh() -> dict[str, Any]:
        return {name: adapter.from_numpy(cast(array, dtype), device) for name, array in inputs.items()}

    with adapter.settings(dtype, device, precision):
        arrays = fresh()
        evaluation = evaluate(function, call, arrays, wrt, cotangent)
        # Converted before the settings end: a float64 array of JAX may be demoted outside.
        outputs: dict[str, Any] = {
            LeafName(name): _to_numpy(adapter, leaf) for name, leaf in evaluation.outputs.items()
        }
        signs = {name: found for name, leaf in outputs.items() if (found := gauge.signs(name, leaf)) is not None}
        if wrt and any((found < 0).any() for found in signs.values()):
            # What is pulled back belongs to the aligned outputs; the signs are known only now.
            evaluation = evaluate(
                function, call, fresh(), wrt, lambda n, s, c: cotangent(n, s, c) * signs.get(n, np.float32(1))
            )
        outputs = {name: gauge.aligned(name, leaf) for name, leaf in outputs.items()}
        gradients: dict[str, np.ndarray] = {}
        for input_name in tuple(evaluation.gradients):  # each is dropped: they are the largest part of what a run holds
            name = LeafName.of(Kind.GRADIENT, input_name)
            gradients[name] = aligned(adapter, name, adapter.to_numpy(evaluation.gradients.pop(input_name)))
        # One at a time: the inputs are the largest part of what a check holds.
        written.update(n for n, array in arrays.items() if _differs(cast(inputs[n], dtype), adapter.to_numpy(array)))
    held = _HELD.format(side=backend, place=evaluation.inner) if evaluation.is_held else ""
    return Result(outputs, gradients, (), tuple(sorted(written)), evaluation.inner, held, signs)


def _differs(before: np.ndarray, after: np.ndarray) -> bool:
    return before.tobytes() != after.astype(before.dtype).tobytes()


def _to_numpy(adapter: backends.Backend, leaf: Any) -> Any:
    return leaf if leaf is None or isinstance(leaf, str) else adapter.to_numpy(leaf)


def _changed_containers(seen: Mapping[str, Any], fresh: Mapping[str, Any]) -> list[str]:
    """Parameters whose dict or list lost, gained or exchanged a leaf during a call."""

    def changed(before: Any, after: Any) -> bool:
        leaves, structure = optree.tree_flatten(before, none_is_leaf=True)
        other_leaves, other_structure = optree.tree_flatten(after, none_is_leaf=True)
        return structure != other_structure or any(a is not b for a, b in zip(leaves, other_leaves, strict=True))

    return [name for name in fresh if changed(fresh[name], seen[name])]
