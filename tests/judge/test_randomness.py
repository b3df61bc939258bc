"""A side that draws random numbers is named, with the call that draws; rounding and fixed seeds are none."""

from __future__ import annotations

import math
import random
from types import SimpleNamespace

import numpy as np
import pytest

import parity
from parity import Verdict
from parity.data.inputs import normal
from parity.execution.result import Result
from parity.judge import randomness

pytestmark = pytest.mark.both

X = normal((16, 5), 0, "x")


def twice(x):
    return x * 2


def of_torch(x):
    import torch

    return x * 2 + 1e-3 * torch.randn_like(x)  # this line draws


def of_torch_in_place(x):
    import torch

    return x * 2 + torch.empty_like(x).uniform_()


def dropout(x):
    import torch

    return torch.nn.functional.dropout(x, 0.1) * 2


def of_numpy(x):
    noise = 1e-3 * np.random.randn()
    return x * 2 + noise


def of_python(x):
    return x * (2 + random.random())


def of_python_in_whole_numbers(x):
    import torch

    coins = [random.random() > 0.5 for _ in range(x.numel())]  # one alone is the same twice every other time
    return (x * 2 > 0) & torch.tensor(coins).reshape(x.shape)


_fresh = np.random.default_rng()


def of_a_generator(x):
    return x * (2 + _fresh.random())


def fixed(x):
    import torch

    generator = torch.Generator().manual_seed(0)
    return x * 2 + torch.randn(x.shape, generator=generator, dtype=x.dtype)


def one_finding(jax_fn, torch_fn, **options):
    (finding,) = parity.check(jax_fn, torch_fn, (X,), **options).findings
    assert finding.verdict is Verdict.ERROR
    assert "differs from itself on the same inputs" in finding.message
    return finding


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (of_torch, "torch (randn_like) at "),
        (of_torch_in_place, "torch (uniform_) at "),
        (dropout, "torch (bernoulli_) at "),
        (of_numpy, "numpy.random at "),
        (of_python, "random at "),
    ],
)
def test_torch_draws(function, words):
    finding = one_finding(twice, function)
    assert finding.side == "torch"
    assert words in finding.message
    first = function.__code__.co_firstlineno
    assert any(f"{__file__}:{line}: " in finding.message for line in range(first + 1, first + 5))


def test_the_source_line_is_shown():
    assert "x * 2 + 1e-3 * torch.randn_like(x)  # this line draws" in one_finding(twice, of_torch).message


@pytest.mark.parametrize(("function", "words"), [(of_numpy, "numpy.random at "), (of_python, "random at ")])
def test_jax_draws(function, words):
    finding = one_finding(function, twice)
    assert finding.side == "jax"
    assert words in finding.message


def test_both_draw():
    report = parity.check(of_numpy, of_torch, (X,))
    assert [finding.side for finding in report.findings] == ["jax", "torch"]


def test_a_draw_that_is_not_seen():
    assert "draws random numbers or keeps state" in one_finding(twice, of_a_generator).message


def test_whole_numbers():
    assert one_finding(lambda x: x * 2 > 0, of_python_in_whole_numbers, wrt=()).leaf == "out"


def test_a_fixed_seed_is_not_random():
    report = parity.check(twice, fixed, (X,), wrt=(), causes_s=1e-9)
    assert report.verdict is Verdict.SEMANTIC


def test_a_draw_that_changes_nothing_is_not_the_finding():
    def unused(x):
        np.random.rand()
        return x * 3

    assert parity.check(twice, unused, (X,), wrt=(), causes_s=1e-9).verdict is Verdict.SEMANTIC


def test_no_generator_is_set_back():
    np.random.seed(3)
    one_finding(twice, of_numpy)
    assert not np.array_equal(np.random.RandomState(3).get_state()[1], np.random.get_state()[1]) or (
        np.random.RandomState(3).get_state()[2] != np.random.get_state()[2]
    )


class Cache:
    """A side whose answer moves by `noise` from run to run, and by `conditioning` for each unit of the inputs."""

    sides = ("jax", "torch")

    def __init__(self, noise, conditioning):
        self.noise, self.conditioning, self.runs = noise, conditioning, 0

    def runner(self, side, *_):
        return SimpleNamespace(run=lambda variant, *_: self.result(side, "", "", variant))

    def inputs(self, variant):
        return {}

    def result(self, side, dtype, mode, variant):
        self.runs += 1
        moved = sum(move.size for move in variant.moves) / 2.0**-50
        return Result({"out": np.array([1.0 + self.noise * math.sin(self.runs) + self.conditioning * moved])})


@pytest.mark.parametrize(
    ("noise", "conditioning", "is_random"),
    [(1e-9, 0.0, True), (1e-9, 4e-9, False), (1e-13, 0.0, False), (1e-9, 1e-12, True)],
)
def test_threads_that_add_in_another_order_are_rounding(noise, conditioning, is_random):
    found = randomness.random_sides(Cache(noise, conditioning), "eager", "unit")
    assert bool(found) is is_random
