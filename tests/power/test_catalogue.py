"""The catalogue is true: correct ports agree, and every fault changes what it says it changes."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

from parity.data.inputs import REGIMES, cotangent
from parity.power import catalogue
from parity.power.catalogue import Comparison
from parity.sides import SIDES

pytestmark = pytest.mark.both

SAME, DIFFERENT = 1e-12, 1e-10
QUICK = {"xla_backend_optimization_level": 0}  # many small programs, each run once
FAULTS = list(catalogue.faults())
PORTS = list(catalogue.ports())
MAIN_CAUSES = (
    "constant factor", "scale by another dimension", "transposed axes", "reversed index", "shifted index", "sign",
    "missing bias", "doubled bias", "mask off by one", "mask aligned at the other corner", "inverted mask",
    "softmax axis", "eps value", "eps placement", "biased variance", "mean against sum", "gelu form", "rope pairing",
    "coupled weight decay", "bias correction", "stopped gradient", "low-precision table", "low-precision step",
)  # fmt: skip

Arrays = dict[str, np.ndarray]
Build = Callable[[], Callable[..., Any]]
Inputs = Callable[[int], dict[str, Any]]


def leaves(tree: Any, path: str = "") -> dict[str, Any]:
    if isinstance(tree, dict):
        return {name: leaf for key in sorted(tree) for name, leaf in leaves(tree[key], f"{path}/{key}").items()}
    if isinstance(tree, tuple):
        return {name: leaf for i, part in enumerate(tree) for name, leaf in leaves(part, f"{path}/{i}").items()}
    return {path or "/out": tree}


def rebuild(tree: Any, new: dict[str, Any], path: str = "") -> Any:
    if isinstance(tree, dict):
        return {key: rebuild(part, new, f"{path}/{key}") for key, part in tree.items()}
    return new.get(path, tree)


def is_floating(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray) and leaf.dtype == np.float32


@cache
def jax_program(build: Build, inputs_of: Inputs) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The function on its arrays by name, and the same with its gradients, compiled once for all seeds."""
    import jax
    import jax.numpy as jnp

    function, inputs = build(), inputs_of(0)

    def call(fixed: dict[str, Any], floating: dict[str, Any]) -> dict[str, Any]:
        return leaves(function(**rebuild(inputs, fixed | floating)))

    def pull_back(fixed: dict[str, Any], floating: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        outputs, pull = jax.vjp(partial(call, fixed), floating)
        return outputs, *pull({name: jnp.asarray(cotangent(name, x.shape), x.dtype) for name, x in outputs.items()})

    return call, jax.jit(pull_back, compiler_options=QUICK)


@cache
def run_jax(build: Build, inputs_of: Inputs, seed: int, differentiate: bool = True) -> tuple[Arrays, Arrays]:
    """Outputs and gradients of a JAX function in float64; outputs alone run op by op, gradients under jit."""
    import jax
    import jax.numpy as jnp

    call, pull_back = jax_program(build, inputs_of)
    arrays = {name: leaf for name, leaf in leaves(inputs_of(seed)).items() if isinstance(leaf, np.ndarray)}
    with jax.enable_x64(True):
        floating = {name: jnp.asarray(leaf, jnp.float64) for name, leaf in arrays.items() if is_floating(leaf)}
        fixed = {name: jnp.asarray(leaf) for name, leaf in arrays.items() if name not in floating}
        outputs, gradients = jax.device_get(
            pull_back(fixed, floating) if differentiate else (call(fixed, floating), {})
        )
    assert {leaf.dtype for leaf in outputs.values()} == {np.dtype(np.float64)}
    return outputs, {f"grad{name}": leaf for name, leaf in gradients.items()}


@cache
def run_torch(build: Build, inputs_of: Inputs, seed: int) -> tuple[Arrays, Arrays]:
    """Outputs and gradients of a PyTorch function in float64."""
    import torch

    function, inputs = build(), inputs_of(seed)
    given = {
        name: torch.tensor(leaf) if isinstance(leaf, np.ndarray) else leaf for name, leaf in leaves(inputs).items()
    }
    floating = {
        name: given[name].double().requires_grad_() for name, leaf in leaves(inputs).items() if is_floating(leaf)
    }
    outputs = leaves(function(**rebuild(inputs, given | floating)))
    assert {leaf.dtype for leaf in outputs.values()} == {torch.float64}
    pulled = {name: torch.tensor(cotangent(name, tuple(leaf.shape))).double() for name, leaf in outputs.items()}
    pairs = [(leaf, pulled[name]) for name, leaf in outputs.items() if leaf.requires_grad]
    gradients = torch.autograd.grad(
        [leaf for leaf, _ in pairs],
        list(floating.values()),
        [c for _, c in pairs],
        allow_unused=True,
        materialize_grads=True,
    )
    grads = {f"grad{name}": leaf.numpy() for name, leaf in zip(floating, gradients, strict=True)}
    return {name: leaf.detach().numpy() for name, leaf in outputs.items()}, grads


def differences(actual: Arrays, expected: Arrays) -> dict[str, float]:
    """Largest difference of each leaf over the largest magnitude of the leaf."""
    assert actual.keys() == expected.keys()
    assert actual
    result = {}
    for name, leaf in actual.items():
        assert leaf.shape == expected[name].shape
        assert np.isfinite(leaf).all()
        assert np.isfinite(expected[name]).all()
        scale = max(np.abs(leaf).max(), np.abs(expected[name]).max())
        result[name] = float(np.abs(leaf - expected[name]).max() / scale) if scale else 0.0
    return result


def compare(pair: Comparison, seed: int, differentiate: bool = True) -> tuple[dict[str, float], dict[str, float]]:
    jax_out, jax_grad = run_jax(pair.jax, pair.inputs, seed, differentiate)
    torch_out, torch_grad = run_torch(pair.torch, pair.inputs, seed)
    return differences(jax_out, torch_out), differences(jax_grad, torch_grad) if differentiate else {}


def name_of(pair: Comparison) -> str:
    return pair.name


@pytest.mark.parametrize("pair", PORTS, ids=name_of)
def test_correct_ports_agree_in_float64(pair: Comparison) -> None:
    for seed in (0, 1):
        outputs, gradients = compare(pair, seed)
        assert max(outputs.values()) <= SAME, outputs
        assert max(gradients.values()) <= SAME, gradients


@pytest.mark.parametrize("pair", FAULTS, ids=name_of)
def test_a_fault_changes_what_it_says_it_changes(pair: Comparison) -> None:
    assert pair.fault is not None
    outputs, gradients = compare(pair, 0, differentiate=pair.fault.kind == "gradient")
    state = {name for name in outputs if name.split("/")[1] in pair.state}
    if pair.fault.kind == "gradient":
        assert max(outputs.values()) <= SAME, outputs
        assert max(gradients.values()) > DIFFERENT, gradients
    elif pair.fault.kind == "state":
        assert max(outputs[name] for name in state) > DIFFERENT, outputs
        assert max(outputs[name] for name in outputs.keys() - state) <= SAME, outputs
    else:
        assert (
            max(error for name, error in outputs.items() if name not in state or len(state) == len(outputs)) > DIFFERENT
        ), outputs


@pytest.mark.parametrize("name", catalogue.functions())
def test_inputs_hide_nothing(name: str) -> None:
    """Same seed, same values; another seed, others; nothing zero, nothing float64."""
    inputs = catalogue.load(name).inputs
    first, again, other = (leaves(inputs(seed)) for seed in (0, 0, 1))
    for path, leaf in first.items():
        if isinstance(leaf, int):
            continue
        assert leaf.dtype in (np.float32, np.int64, np.bool_), (path, leaf.dtype)
        assert np.array_equal(leaf, again[path])
        assert not np.array_equal(leaf, other[path])
        assert leaf.dtype == np.int64 or leaf.any()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", catalogue.functions())
def test_low_precision_runs_and_keeps_its_dtype(name: str, dtype: str) -> None:
    import jax
    import jax.numpy as jnp
    import torch

    module = catalogue.load(name)
    inputs = module.inputs(0)
    arrays = {path: leaf for path, leaf in leaves(inputs).items() if isinstance(leaf, np.ndarray)}
    as_jax = {path: jnp.asarray(leaf, dtype if is_floating(leaf) else None) for path, leaf in arrays.items()}
    as_torch = {
        path: torch.tensor(leaf).to(getattr(torch, dtype)) if is_floating(leaf) else torch.tensor(leaf)
        for path, leaf in arrays.items()
    }
    builds = {
        side: [port.build for port in module.PORTS if port.side == side and dtype in port.dtypes] for side in SIDES
    }

    expected, _ = run_jax(module.jax_function, module.inputs, 0)
    for build in (module.jax_function, *builds["jax"]):
        call, _ = jax_program(build, module.inputs)
        outputs = jax.jit(call, compiler_options=QUICK)({}, as_jax)
        assert {str(leaf.dtype) for leaf in outputs.values()} == {dtype}, build
        assert (
            max(differences({path: np.asarray(x, np.float64) for path, x in outputs.items()}, expected).values()) < 0.1
        )
    for build in (module.torch_function, *builds["torch"]):
        outputs = leaves(build()(**rebuild(inputs, as_torch)))
        assert {leaf.dtype for leaf in outputs.values()} == {getattr(torch, dtype)}, build
        assert max(differences({path: x.double().numpy() for path, x in outputs.items()}, expected).values()) < 0.1


def test_counts() -> None:
    kinds, sides, causes = (
        Counter(getattr(pair.fault, field) for pair in FAULTS) for field in ("kind", "side", "cause")
    )
    assert len(FAULTS) >= 120
    assert (
        len({(pair.function, str(pair.fault.knobs)) for pair in FAULTS if pair.fault}) >= 120
    )  # however many sides each is on
    assert len(catalogue.functions()) >= 15
    assert len({pair.name for pair in FAULTS}) == len(FAULTS)
    assert len({pair.name for pair in PORTS}) == len(PORTS)
    assert kinds.keys() == {"forward", "gradient", "state"}
    assert min(kinds.values()) >= 10
    assert min(sides[side] for side in SIDES) >= 0.4 * len(FAULTS)
    assert causes.keys() == set(catalogue.CAUSES)
    for cause in MAIN_CAUSES:
        assert causes[cause] >= 3, cause


def test_every_function_has_another_idiom_on_each_side() -> None:
    for name in catalogue.functions():
        assert {port.side for port in catalogue.load(name).PORTS} == set(SIDES), name
    for pair in PORTS:
        assert "float64" in pair.dtypes
        assert pair.dtypes == catalogue.DTYPES or pair.reason, pair.name


def test_listing_imports_no_framework() -> None:
    code = (
        "import sys; from parity.power import catalogue;"
        "assert list(catalogue.faults()) and list(catalogue.ports());"
        "assert not {'jax', 'torch'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_weak_arithmetic_is_that_of_an_idiom_in_a_regime() -> None:
    weak = list(catalogue.weaknesses())
    assert len(weak) >= 10
    for idiom, regime, reason in weak:
        function, build = idiom.split("/")
        module = catalogue.load(function)
        builds = [module.jax_function, module.torch_function, *(port.build for port in module.PORTS)]
        assert build in [found.__name__ for found in builds], idiom
        assert regime in REGIMES, idiom
        assert regime != "unit", idiom
        assert reason.strip(), idiom


def test_only_pairs_with_a_weak_idiom_are_weak() -> None:
    known = {(*idiom.split("/"), regime): reason for idiom, regime, reason in catalogue.weaknesses()}
    for pair in PORTS:
        names = dict(zip(SIDES, pair.name.split("/")[1:], strict=True))
        found = {
            (side, regime): reason
            for (function, build, regime), reason in known.items()
            for side in SIDES
            if (function, build) == (pair.function, names[side])
        }
        assert pair.weak == found, pair.name
    assert any(pair.weak for pair in PORTS)
    assert not any(pair.weak for pair in FAULTS)
