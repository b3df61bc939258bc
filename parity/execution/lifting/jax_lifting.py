"""Lifts a JAX function: traces it, rewrites every floating step to float64, and compiles the result once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from parity.execution.backends import Call, Cotangent, Evaluation, jax_backend
from parity.execution.lifting import LOW_DTYPES, Kind, PinnedStep, PinnedSteps, signs, special
from parity.execution.lifting.finfo import of_callers_dtype
from parity.execution.lifting.jax_interpreter import Observer, evaluate
from parity.execution.lifting.jax_pinned import find
from parity.execution.lifting.jax_requests import lifted_requests, seen_requests, wide

# The program runs a few times: four fifths of the compilation of a two-layer transformer are optimizations that it does not need.
_QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
_CONCRETE = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
)
_UNIT = float(np.finfo(np.float32).eps)
Arrays = Mapping[str, jax.Array]
Program = Callable[[Arrays, Arrays, bool], tuple[Any, Any]]  # arrays, cotangents, nudged → outputs, gradients


class JaxLifted:
    """One function, traced and lifted; compiled when it is first run."""

    def __init__(self, function: Callable[..., Any], call: Call, arrays: Arrays, wrt: tuple[str, ...]) -> None:
        self.pinned, self.held = PinnedSteps(), set[tuple[str, tuple[int, ...]]]()
        self._function, self._call, self._wrt = function, call, wrt
        self._programs: dict[bytes, Program] = {}
        self._others: dict[str, Any] = {}
        self._special: list[tuple[str, Any]] = []
        self._static = False
        try:
            self._trace_as_it_is(arrays)
        except _CONCRETE:  # whole numbers that decide about shapes
            self._static = True
            self._trace_as_it_is(arrays)

    def run(self, arrays: Arrays, cotangent: Cotangent, *, nudged: bool = False) -> Evaluation:
        """Outputs and gradients by name, in float64."""
        given, fixed = self._split(arrays)
        key = b"".join(np.asarray(fixed[name]).tobytes() for name in sorted(fixed))
        cotangents = {
            name: jnp.asarray(cotangent(name, shape.shape, shape.dtype.kind == "c")).astype(wide(shape.dtype))
            for name, shape in self._shapes.items()
            if jnp.issubdtype(shape.dtype, jnp.inexact)
        }
        if key not in self._programs:
            self._programs[key] = self._lifted(given, fixed, cotangents)
        outputs, gradients = self._programs[key](given, cotangents, nudged)
        gradients = {
            name: jnp.zeros(arrays[name].shape, wide(arrays[name].dtype)) if _is_float0(gradient) else gradient
            for name, gradient in gradients.items()
        }
        return Evaluation(jax_backend.wait({**outputs, **self._others}), jax_backend.wait(gradients))

    def kernel_errors(self) -> dict[str, float]:
        """Special function → its error in float64 on the values of the latest run."""
        errors: dict[str, float] = {}
        for name, (operands, result) in self._special:
            error = special.error(name, [np.asarray(operand) for operand in operands], np.asarray(result))
            errors[name] = max(error, errors.get(name, 0.0))
        return errors

    def _split(self, arrays: Arrays) -> tuple[dict[str, Any], dict[str, Any]]:
        """What is traced, and what stands fixed in the program."""
        fixed = {n: a for n, a in arrays.items() if self._static and n not in self._wrt and a.dtype.kind in "iub"}
        return {name: array for name, array in arrays.items() if name not in fixed}, fixed

    def _whole(self, fixed: Arrays) -> Callable[[Arrays, Arrays | None], tuple[Any, Any]]:
        """(arrays, cotangents) → outputs and gradients by name; the shapes of the outputs alone without cotangents."""

        def whole(given: Arrays, cotangents: Arrays | None) -> tuple[Any, Any]:
            def split(differentiated: Arrays) -> tuple[dict[str, Any], dict[str, Any]]:
                named = jax_backend.leaves(self._call(self._function, {**given, **fixed, **differentiated}))
                self._others = {n: leaf for n, leaf in named.items() if leaf is None or isinstance(leaf, str)}
                arrays = {n: jnp.asarray(leaf) for n, leaf in named.items() if n not in self._others}
                floating = {n: leaf for n, leaf in arrays.items() if jnp.issubdtype(leaf.dtype, jnp.inexact)}
                return floating, {n: leaf for n, leaf in arrays.items() if n not in floating}

            differentiated = {name: given[name] for name in self._wrt}
            if cotangents is None or not self._wrt:
                floating, rest = split(differentiated)
                return {**floating, **rest}, {}
            floating, pull, rest = jax.vjp(split, differentiated, has_aux=True)
            pulled = {n: cotangents[n].astype(leaf.dtype) for n, leaf in floating.items()}
            return {**floating, **rest}, pull(pulled)[0] if floating else {}

        return whole

    def _trace_as_it_is(self, arrays: Arrays) -> None:
        """Notes the pinned steps, and the shapes of the outputs."""
        given, fixed = self._split(arrays)
        whole = self._whole(fixed)
        requests = PinnedSteps()
        with _finfo(self.pinned), seen_requests(requests.add):
            self._shapes = jax.eval_shape(lambda one: whole(one, None)[0], given)
            cotangents = {
                n: jax.ShapeDtypeStruct(s.shape, wide(s.dtype))
                for n, s in self._shapes.items()
                if jnp.issubdtype(s.dtype, jnp.inexact)
            }
            closed = jax.make_jaxpr(whole)(given, cotangents)
        find(closed.jaxpr, self.pinned)
        if not self.pinned.counts:  # a number that was rounded while it was traced leaves no step
            for step in requests.counts:
                if step.place:
                    self.pinned.add(step)
        if self.pinned.has_numbers:
            self.held.add(("float32", ()))
        for const in closed.consts:
            if str(const.dtype) in LOW_DTYPES:
                self.held.add((str(const.dtype), const.shape))
                self.pinned.add(PinnedStep(str(const.dtype), "", Kind.HELD))

    def _lifted(self, given: Arrays, fixed: Arrays, cotangents: Arrays) -> Program:
        """The program, compiled.

        Code that depends on the dtypes that it asked for (the bits of a number, a callback that returns float32) fails, or
        has other shapes, when it gets float64 instead: its requests are then left as they are.
        """
        with contextlib.suppress(Exception):
            program, shapes = self._compiled(given, fixed, cotangents, lifted_requests())
            if shapes == {name: shape.shape for name, shape in self._shapes.items()}:
                program(given, cotangents, False)
                return program
        return self._compiled(given, fixed, cotangents, contextlib.nullcontext())[0]

    def _compiled(
        self, given: Arrays, fixed: Arrays, cotangents: Arrays, requests: contextlib.AbstractContextManager[None]
    ) -> tuple[Program, dict[str, tuple[int, ...]]]:
        """The program, and the shapes of its outputs. Constants are its arguments: large ones would be slow to compile."""
        with requests, _finfo(PinnedSteps()):
            closed, tree = jax.make_jaxpr(self._whole(fixed), return_shape=True)(given, cotangents)
        structure = jax.tree_util.tree_structure(tree)

        names: list[str] = []

        def evaluated(consts: Any, flat: Any, nudge: float) -> tuple[list[Any], list[Any]]:
            names.clear()
            values: list[Any] = []

            def seen(name: str, operands: list[Any], result: Any) -> None:
                names.append(name)
                values.append((operands, result))

            return evaluate(closed.jaxpr, consts, flat, Observer(self.pinned.add, seen, nudge)), values

        compiled = jax.jit(evaluated, compiler_options=_QUICK if jax.default_backend() == "cpu" else None)

        def program(given: Arrays, cotangents: Arrays, nudged: bool) -> tuple[Any, Any]:
            flat = jax.tree_util.tree_leaves((given, cotangents))
            consts = [_nudged(const) for const in closed.consts] if nudged else closed.consts
            leaves, values = compiled(consts, flat, _UNIT if nudged else 0.0)
            self._special = list(zip(names, values, strict=True))
            return jax.tree_util.tree_unflatten(structure, leaves)

        return program, {name: shape.shape for name, shape in tree[0].items()}


def lift(function: Callable[..., Any], call: Call, arrays: Arrays, wrt: tuple[str, ...]) -> JaxLifted:
    """`function`, called by `call`, for arrays of these shapes."""
    return JaxLifted(function, call, arrays, wrt)


@contextlib.contextmanager
def _finfo(pinned: PinnedSteps) -> Iterator[None]:
    def seen(place: str) -> None:
        pinned.add(PinnedStep("float32", place, Kind.DEFINED))

    callers = jnp.finfo(np.float32)
    with contextlib.ExitStack() as stack:
        for module in (jnp, np):
            stack.enter_context(of_callers_dtype(module, lambda dtype: np.dtype(dtype) == np.float64, callers, seen))
        yield


def _nudged(const: Any) -> Any:
    if str(const.dtype) not in LOW_DTYPES:
        return const
    unit = float(jnp.finfo(const.dtype).eps)
    return jnp.asarray(const).astype(wide(const.dtype)) * (1 + unit * signs(const.shape))


def _is_float0(array: Any) -> bool:
    return array.dtype == jax.dtypes.float0
