"""Functions that are impure in one way each, in each framework: found, of the right kind, and named."""

from __future__ import annotations

import functools
import random
import sys

import numpy as np
import pytest

from parity.transforms import impurity
from parity.transforms.impurity import CHANGED_GLOBAL, HIDDEN_RANDOM, SIDE_EFFECT, WRITTEN_INPUT, impurities

X = {"x": np.arange(1.0, 7.0, dtype=np.float32).reshape(2, 3)}
LOG: list[float] = []
COUNTS: dict[str, int] = {"calls": 0}
CALLS = 0
FACTOR = 2.0
WEIGHTS = np.ones(3)
GENERATOR = np.random.default_rng(0)


def prints(x):
    print("shape is", tuple(x.shape))
    return x * 2


def prints_to_stderr(x):
    print("careful", file=sys.stderr)
    return x * 2


def appends(x):
    LOG.append(1.0)
    return x * 2


def counts_in_a_dict(x):
    COUNTS["calls"] += 1
    return x * 2


def writes_a_global_array(x):
    WEIGHTS[0] += 1
    return x * 2


def changes_a_global(x):
    global CALLS
    CALLS += 1
    return x * 2


def makes_a_global(x):
    global MADE_BY_A_CALL
    MADE_BY_A_CALL = tuple(x.shape)
    return x * 2


def helper(x):
    LOG.append(1.0)
    return x


def calls_a_helper(x):
    return helper(x) * 2


def nested_function(x):
    def inner():
        LOG.append(1.0)

    inner()
    return x * 2


def default_list(x, seen=[]):  # noqa: B006 (the point)
    seen.append(1)
    return x * 2


def draws_numpy(x):
    return x * float(np.random.normal())


def draws_random(x):
    return x * random.random()


def draws_and_hides_it(x):
    random.random()
    return x * 2


def draws_from_a_generator(x):
    return x * float(GENERATOR.normal())


def pops_an_input(x):
    return x["b"] * x.pop("a")


def appending_closure():
    seen = []

    def function(x):
        seen.append(1)
        return x * 2

    return function


def counting_closure():
    calls = 0

    def function(x):
        nonlocal calls
        calls += 1
        return x * 2

    return function


class Counter:
    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return x * 2

    def method(self, x):
        self.calls += 1
        return x * 2


def with_list(seen, x):
    seen.append(1)
    return x * 2


IMPURE = [
    (lambda: prints, SIDE_EFFECT, "prints 'shape is (2, 3)'"),
    (lambda: prints_to_stderr, SIDE_EFFECT, "prints 'careful'"),
    (lambda: appends, SIDE_EFFECT, "changes what is in global LOG"),
    (lambda: counts_in_a_dict, SIDE_EFFECT, "changes what is in global COUNTS"),
    (lambda: writes_a_global_array, SIDE_EFFECT, "changes what is in global WEIGHTS"),
    (lambda: calls_a_helper, SIDE_EFFECT, "changes what is in global LOG"),
    (lambda: nested_function, SIDE_EFFECT, "changes what is in global LOG"),
    (lambda: default_list, SIDE_EFFECT, "changes what is in default 0 of default_list"),
    (appending_closure, SIDE_EFFECT, "changes what is in closure variable seen"),
    (Counter, SIDE_EFFECT, "changes what is in Counter"),
    (lambda: Counter().method, SIDE_EFFECT, "changes what is in self (Counter)"),
    (lambda: functools.partial(with_list, []), SIDE_EFFECT, "changes what is in argument 0 of the partial"),
    (lambda: changes_a_global, CHANGED_GLOBAL, "global CALLS is bound to another value"),
    (lambda: makes_a_global, CHANGED_GLOBAL, "global MADE_BY_A_CALL is bound to another value"),
    (counting_closure, CHANGED_GLOBAL, "closure variable calls is bound to another value"),
    (lambda: draws_numpy, HIDDEN_RANDOM, "draws from the generator of numpy.random"),
    (lambda: draws_random, HIDDEN_RANDOM, "draws from the generator of random"),
    (lambda: draws_and_hides_it, HIDDEN_RANDOM, "draws from the generator of random"),
    (lambda: draws_from_a_generator, HIDDEN_RANDOM, "draws from global GENERATOR"),
]


@pytest.fixture(autouse=True)
def fresh():
    LOG.clear()
    globals().pop("MADE_BY_A_CALL", None)


def uncompiled(pair, side, variables, impure):
    return [impurity.Impurity(*each) for each in impure]


@pytest.mark.parametrize(("make", "kind", "name"), IMPURE, ids=[name for _, _, name in IMPURE])
def test_it_is_found_and_named(backend, make, kind, name, monkeypatch):
    monkeypatch.setattr(impurity, "_compiled", uncompiled)  # tested below
    (found,) = impurities(make(), backend, X)
    assert (found.kind, found.name) == (kind, name)


def test_an_input_that_is_written_into(backend, monkeypatch):
    monkeypatch.setattr(impurity, "_compiled", uncompiled)
    (found,) = impurities(pops_an_input, backend, {"x": {"a": X["x"], "b": X["x"]}})
    assert (found.kind, found.name) == (WRITTEN_INPUT, "x")


@pytest.mark.both
class TestTorch:
    def test_an_array_that_is_written_into(self):
        def function(x):
            return x.mul_(2)

        given = X["x"].copy()
        (found,) = impurities(function, "torch", (given,))
        assert (found.kind, found.name) == (WRITTEN_INPUT, "x")
        assert found.compiled == "compiled, in 2 of 2 calls"
        np.testing.assert_array_equal(given, X["x"])

    def test_its_own_generator(self):
        import torch

        before = torch.get_rng_state()
        (found,) = impurities(lambda x: x + torch.randn(x.shape), "torch", X)
        assert str(found) == "hidden random numbers: draws from the generator of torch (compiled, too)"
        assert torch.equal(torch.get_rng_state(), before)

    def test_the_statistics_of_a_module(self):
        import torch

        module = torch.nn.BatchNorm1d(3, dtype=torch.float64)

        def function(x):
            return module(x)

        found = impurities(function, "torch", X)
        assert [(one.kind, one.name) for one in found] == [(SIDE_EFFECT, "changes what is in closure variable module")]


class TestCompiled:
    """What becomes of it in compiled code."""

    def test_jax_does_it_once_and_torch_every_time(self, backend):
        (found,) = impurities(appends, backend, X)
        # Each finds out while it traces; Dynamo also writes the append into the code that it makes.
        assert found.compiled == {"jax": "compiled, in 1 of 2 calls", "torch": "compiled, in 2 of 2 calls"}[backend]

    def test_random_numbers_are_baked_in_by_jax(self, backend):
        (found,) = impurities(draws_random, backend, X)
        if backend == "jax":
            assert found.compiled == "compiled, it gives the same numbers again"
        else:
            assert found.compiled.startswith(("compiled, too", "cannot be compiled: "))

    def test_a_function_that_cannot_be_compiled(self, backend):
        def function(x):
            LOG.append(float(x.sum()))
            return x * 2 if float(x.sum()) > 0 else x

        (found,) = impurities(function, backend, X)
        assert (found.kind, found.compiled[:20]) == (SIDE_EFFECT, "cannot be compiled: ")


class TestPure:
    def test_reading_globals_and_closures_is_no_impurity(self, backend):
        table = {"offset": 1.0}
        assert impurities(lambda x: x * FACTOR + table["offset"] + float(WEIGHTS[0] * 0), backend, X) == []

    def test_random_numbers_from_a_seed_of_its_own(self, backend):
        assert impurities(lambda x: x * random.Random(0).random(), backend, X) == []

    def test_the_callers_generators_stay_as_they_were(self, backend):
        before = random.getstate(), np.random.get_state()[1].tolist()
        impurities(draws_random, backend, X)
        impurities(draws_numpy, backend, X)
        assert (random.getstate(), np.random.get_state()[1].tolist()) == before

    def test_numbers_that_come_from_nowhere(self, backend):
        names = iter(range(100))
        clock = type("Clock", (), {"__slots__": (), "read": staticmethod(lambda: next(names))})()
        found = impurities(lambda x: x * clock.read(), backend, X)
        assert [(one.kind, one.name) for one in found][:1] == [(HIDDEN_RANDOM, "two calls on the same inputs differ")]
