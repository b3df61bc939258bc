"""Causes: each kind on a small pair with the fault on either side; nothing where nothing is known; never an exception.

`Jax` and `Torch` give a few operations one name, so that a function is written once and either version of it, the right
one or the wrong one, can stand on either side.
"""

from __future__ import annotations

import math
import time
from functools import partial

import numpy as np
import pytest

import parity
from parity.causes import explain
from parity.data.arguments import parse
from parity.data.inputs import normal
from parity.execution.run_cache import RunCache
from parity.judge.finding import Finding, Verdict
from parity.judge.ladder import rung
from parity.sides import SIDES

pytestmark = pytest.mark.both


def with_causes(*arguments):
    """`explain` that raises what goes wrong inside; it imports both frameworks, so it is imported when it is called."""
    from parity.causes import explanation

    return explanation.with_causes(*arguments)


class Jax:
    def __getattr__(self, name):
        import jax
        import jax.numpy as jnp

        own = {
            "softmax": jax.nn.softmax,
            "sigmoid": jax.nn.sigmoid,
            "silu": jax.nn.silu,
            "relu": jax.nn.relu,
            "gelu": partial(jax.nn.gelu, approximate=False),
            "gelu_tanh": partial(jax.nn.gelu, approximate=True),
            "stop": jax.lax.stop_gradient,
            "low": lambda x: x.astype(jnp.float32).astype(x.dtype),
            "sum": lambda x, axis=None: jnp.sum(x, axis=axis, keepdims=axis is not None),
            "cat": lambda parts: jnp.concatenate(parts, axis=-1),
            "arange": jnp.arange,
        }
        return own.get(name) or getattr(jnp, name)


class Torch:
    def __getattr__(self, name):
        import torch

        own = {
            "gelu": torch.nn.functional.gelu,
            "gelu_tanh": partial(torch.nn.functional.gelu, approximate="tanh"),
            "silu": torch.nn.functional.silu,
            "stop": torch.Tensor.detach,
            "low": lambda x: x.float().to(x.dtype),
            "sum": lambda x, axis=None: x.sum() if axis is None else x.sum(dim=axis, keepdim=True),
            "cat": lambda parts: torch.cat(parts, dim=-1),
            "flip": lambda x, axis: torch.flip(x, (axis,)),
        }
        return own.get(name) or getattr(torch, name)


SPACES = {"jax": Jax(), "torch": Torch()}
X, Y = normal((4, 6), 0, "x"), normal((4, 6), 0, "y")
SQUARE, BIAS, STEPS = normal((6, 6), 0, "w"), normal((6,), 0, "b"), np.arange(6, dtype=np.float32)
LONG = normal((7, 6), 0, "k")


def norm(n, x, eps=1e-5, outside=False, less=0, axis=1, total=False, stop=False):
    centred = x - n.sum(x, axis) / x.shape[axis]
    variance = n.sum(centred * centred, axis) / (1 if total else x.shape[axis] - less)
    variance = n.stop(variance) if stop else variance
    return centred / (n.sqrt(variance) + eps if outside else n.sqrt(variance + eps))


def linear(n, x, w, b, bias=1.0, transpose=False, factor=1.0, act="gelu"):
    return getattr(n, act)(factor * (x @ (w.T if transpose else w)) + bias * b)


def attend(n, x, k, axis=-1, mask="", size=6, low=False):
    logits = x @ k.T / math.sqrt(size)
    rows, columns = n.arange(4)[:, None], n.arange(7)[None]
    keep = {"": columns <= rows, "off": columns < rows + 2, "corner": columns <= rows + 3, "inverted": columns > rows}[
        mask
    ]
    logits = n.where(keep, logits, logits * 0 - 1e3)
    return n.softmax(n.low(logits) if low else logits, axis) @ k


def gated(n, x, swap=False, reverse=False, shift=0):
    a, b = x[:, :3], x[:, 3:]
    if swap:
        a, b = b, a
    y = n.sigmoid(a) * b * (n.arange(3) + 1.0 + shift)
    return n.flip(y, 1) if reverse else y


def heads(n, x, other=False):
    y = x.reshape(4, 3, 2).swapaxes(1, 2) if other else x.reshape(4, 2, 3)
    return n.exp(y) * (1.0 + n.arange(3))


def momentum(n, x, y, swap=False, stale=False, wd=0.01, coupled=False):
    gradient = y + wd * x if coupled else y
    new = (0.1 * y + 0.9 * gradient * gradient) if swap else (0.9 * y + 0.1 * gradient * gradient)
    return {"x": x * (1.0 if coupled else 1 - 0.1 * wd) - 0.1 * (y if stale else new), "y": new}


def clipped(n, x, bound=1.0, sign=1.0):
    return n.where(x < bound, x, x * 0 + bound) * n.cos(x) * sign


def straight(n, x, wrong=False):
    return n.tanh(x) + n.stop(n.sin(x) - n.tanh(x)) if wrong else n.sin(x)


def table(n, x, low=False):
    angle = n.arange(6) * 0.3
    return n.sin(n.low(angle) if low else angle * 1.0) * x


CASES = {
    "eps value": (norm, {"x": X}, {"eps": 1e-3}),
    "eps placement": (norm, {"x": X}, {"outside": True}),
    "biased variance": (norm, {"x": X}, {"less": 1}),
    "reduction axis": (norm, {"x": X}, {"axis": 0}),
    "mean against sum": (norm, {"x": X}, {"total": True}),
    "stopped gradient": (norm, {"x": X}, {"stop": True}),
    "missing bias": (linear, {"x": X, "w": SQUARE, "b": BIAS}, {"bias": 0.0}),
    "doubled bias": (linear, {"x": X, "w": SQUARE, "b": BIAS}, {"bias": 2.0}),
    "transposed axes": (linear, {"x": X, "w": SQUARE, "b": BIAS}, {"transpose": True}),
    "constant factor": (linear, {"x": X, "w": SQUARE, "b": BIAS}, {"factor": 1.07}),
    "gelu form": (linear, {"x": X, "w": SQUARE, "b": BIAS}, {"act": "gelu_tanh"}),
    "another activation": (linear, {"x": X, "w": SQUARE, "b": BIAS}, {"act": "silu"}),
    "softmax axis": (attend, {"x": X, "k": LONG}, {"axis": 0}),
    "mask off by one": (attend, {"x": X, "k": LONG}, {"mask": "off"}),
    "mask aligned at the other corner": (attend, {"x": X, "k": LONG}, {"mask": "corner"}),
    "inverted mask": (attend, {"x": X, "k": LONG}, {"mask": "inverted"}),
    "scale by another dimension": (attend, {"x": X, "k": LONG}, {"size": 7}),
    "low-precision step": (attend, {"x": X, "k": LONG}, {"low": True}),
    "gate order": (gated, {"x": X}, {"swap": True}),
    "reversed index": (gated, {"x": X}, {"reverse": True}),
    "shifted index": (gated, {"x": X}, {"shift": 1}),
    "permuted axes": (heads, {"x": X}, {"other": True}),
    "momentum convention": (momentum, {"x": X, "y": Y}, {"swap": True}),
    "update order": (momentum, {"x": X, "y": Y}, {"stale": True}),
    "weight decay value": (momentum, {"x": X, "y": Y}, {"wd": 0.1}),
    "coupled weight decay": (momentum, {"x": X, "y": Y}, {"coupled": True}),
    "clamp bound": (clipped, {"x": X}, {"bound": 0.5}),
    "sign": (clipped, {"x": X}, {"sign": -1.0}),
    "wrong gradient rule": (straight, {"x": X}, {"wrong": True}),
    "low-precision table": (table, {"x": X}, {"low": True}),
}


def cache_of(jax_fn, torch_fn, inputs):
    return RunCache.live({"jax": jax_fn, "torch": torch_fn}, parse(inputs, "all", ()), timeout_s=20.0)


def judged(cache):
    return [finding for findings in rung(cache, "float64", "eager") for finding in findings]


def on(side, function, **knobs):
    return lambda **inputs: function(SPACES[side], **inputs, **knobs)


def causes_of(jax_fn, torch_fn, inputs, budget_s=20.0):
    """Leaf → causes, of the leaves that differ."""
    cache = cache_of(jax_fn, torch_fn, inputs)
    findings = with_causes(cache, judged(cache), budget_s)
    return {f.leaf: f.causes for f in findings if not f.verdict.passes}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("cause", CASES)
def test_each_cause_on_either_side(cause, side):
    function, inputs, knobs = CASES[cause]
    sides = {s: on(s, function, **(knobs if s == side else {})) for s in SIDES}
    found = causes_of(sides["jax"], sides["torch"], inputs)
    assert found
    first = next(causes for causes in found.values() if causes)
    assert cause == first[0].name, first
    assert "→" in first[0].evidence or "agree" in first[0].evidence
    assert any(character.isdigit() for character in first[0].evidence)


def test_evidence_names_the_place_and_both_errors():
    found = causes_of(on("jax", norm), on("torch", norm, eps=1e-3), {"x": X})
    evidence = found["out"][0].evidence
    assert "test_causes.py:" in evidence
    assert "1e-05 → 0.001" in evidence or "0.001 → 1e-05" in evidence
    before, after = (float(word) for word in evidence.rsplit("error of", 1)[1].split(" leaves ")[1].split(" → "))
    assert before > 1e-5
    assert after < 1e-12


def test_unrelated_functions_are_not_explained():
    pairs = [
        (lambda n, x: n.sum(n.sin(x) * n.exp(x), 1), lambda n, x: n.sum(n.cos(x @ x.T), 1)),
        (lambda n, x: n.tanh(x @ x.T) + 0.3 * x[:, :4], lambda n, x: n.exp(-x * x)[:, :4] / (2 + n.cos(x[:, :4]))),
        (lambda n, x: n.sum(n.tanh(x) * x), lambda n, x: n.sum(n.sin(3 * x) / (1 + x * x))),
    ]
    for one, other in pairs:
        for jax_fn, torch_fn in ((one, other), (other, one)):
            found = causes_of(on("jax", jax_fn), on("torch", torch_fn), {"x": X})
            assert found
            assert not any(found.values()), found


def test_equal_functions_cost_nothing():
    cache = cache_of(on("jax", norm), on("torch", norm), {"x": X})
    findings = tuple(judged(cache))
    assert explain(cache, findings) == findings


def test_a_tie_is_told_from_a_rule():
    import jax.numpy as jnp
    import torch

    at_zero = np.where(np.abs(X) < 0.5, 0, X).astype(np.float32)
    found = causes_of(lambda x: jnp.maximum(x, 0) * x.sum(), lambda x: torch.relu(x) * x.sum(), {"x": at_zero})
    assert [cause.name for cause in found["grad/x"]] == ["tie rule"]


def test_a_custom_rule_is_not_the_derivative():
    import jax
    import jax.numpy as jnp
    import torch

    @jax.custom_vjp
    def square(x):
        return jnp.sin(x)

    square.defvjp(lambda x: (jnp.sin(x), x), lambda x, g: (g * 0.9 * jnp.cos(x),))
    found = causes_of(lambda x: square(x) * x, lambda x: torch.sin(x) * x, {"x": X})
    assert found["grad/x"][0].name == "wrong gradient rule"
    assert "test_causes.py" in found["grad/x"][0].evidence


def test_a_stop_that_leaves_no_trace():
    import jax.numpy as jnp
    import torch

    def quietly(x):
        with torch.no_grad():
            scale = torch.exp(x)
        return scale * x

    found = causes_of(lambda x: jnp.exp(x) * x, quietly, {"x": X})
    assert found["grad/x"][0].name == "stopped gradient"


def test_a_step_number_that_starts_elsewhere():
    def corrected(n, x, step, shift=0, correct=True):
        return x / (1 - 0.9 ** (step + shift)) if correct else x * 1.0

    for knobs, cause in (({"shift": 1}, "shifted index"), ({"correct": False}, "bias correction")):
        for side in SIDES:
            sides = {s: on(s, corrected, **(knobs if s == side else {})) for s in SIDES}
            found = causes_of(sides["jax"], sides["torch"], {"x": X, "step": 4})
            assert found["out"][0].name in (cause, "bias correction")


def test_in_place_writes_and_views_are_followed():
    import jax.numpy as jnp

    def torch_fn(x):
        y = x * 2
        y[:, 0] = 0.0
        y += 1.5
        return y.exp()

    def jax_fn(x):
        return jnp.exp((x * 2).at[:, 0].set(0.0) + 1.25)

    names = [cause.name for cause in causes_of(jax_fn, torch_fn, {"x": X})["out"]]
    assert names
    assert names[0] in ("constant factor", "missing term")


def test_the_same_causes_in_other_modes():
    cache = cache_of(on("jax", norm), on("torch", norm, less=1), {"x": X})
    findings = judged(cache)
    compiled = [Finding(f.leaf, f.dtype, "compiled", f.verdict) for f in findings]
    told = {(f.leaf, f.mode): f.causes for f in with_causes(cache, [*findings, *compiled], 20.0)}
    assert told["out", "eager"]
    assert told["out", "eager"] == told["out", "compiled"]


def test_the_budget_is_kept():
    wide = {"x": normal((256, 256), 0, "x")}

    def deep(n, x, wrong=False):
        for layer in range(12):
            x = n.tanh(x @ x.T / (16.0 + layer)) * (n.sigmoid(x) if wrong else n.sin(x) + 0.7 * n.cos(x))
        return x

    cache = cache_of(on("jax", deep), on("torch", deep, wrong=True), wide)
    findings = judged(cache)
    start = time.monotonic()
    explain(cache, findings, budget_s=1.0)
    assert time.monotonic() - start < 8.0


@pytest.mark.parametrize("broken", ["raises when traced", "raises now and then", "not a tensor"])
def test_broken_functions_do_not_raise(broken):
    import jax
    import torch

    calls = []

    def jax_fn(x):
        calls.append(1)
        if broken == "raises when traced" and isinstance(x, jax.core.Tracer) and len(calls) > 2:
            raise RuntimeError("not again")
        if broken == "raises now and then" and len(calls) % 3 == 0:
            raise KeyError("third call")
        return {"a": x * 2, "b": "words"} if broken == "not a tensor" else {"a": x * 2}

    def torch_fn(x):
        return {"a": torch.exp(x), "b": "words"} if broken == "not a tensor" else {"a": torch.exp(x)}

    cache = cache_of(jax_fn, torch_fn, {"x": X})
    findings = [Finding("out/a", "float64", "eager", Verdict.SEMANTIC)]
    assert [f.leaf for f in explain(cache, findings)] == ["out/a"]


def test_inputs_are_left_alone():
    x = X.copy()
    causes_of(on("jax", norm), on("torch", norm, less=1), {"x": x})
    assert np.array_equal(x, X)
    assert parity.__name__ == "parity"
