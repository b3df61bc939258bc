"""Compilations are counted, in both frameworks, and an eager fallback is found however it comes about."""

from __future__ import annotations

import pytest

from parity.data.arguments import parse
from parity.data.inputs import normal
from parity.execution import backends
from parity.transforms.catalogue import CELLS
from parity.transforms.fixtures import Fixtures
from parity.transforms.function_pair import FunctionPair
from parity.transforms.measured import _fallback, measure

X = {"x": normal((3, 5), 0, "x")}
ANOTHER = {"x": normal((2, 7), 0, "x")}


def double(x):
    return x * 2


def cell(name):
    return next(cell for cell in CELLS if cell.name == name)


def measured(name, backend, function=double, another=None):
    other = parse(another, "all", (function,)) if another else None
    pair = FunctionPair("double", {backend: function}, parse(X, "all", (function,)), other)
    return measure(cell(name), Fixtures(pair, backend), 300.0)


class TestCompilations:
    @pytest.mark.parametrize("another", [ANOTHER, None], ids=["other shapes", "other batches"])
    def test_once_for_each_shape_and_dtype(self, backend, another):
        found = measured("compilations", backend, another=another)
        assert not found.error
        counts = {"given": 1, "again": 1, "other shape": 2, "other dtype": 3}
        assert {name: int(count) for name, count in found.value.items()} == counts
        assert found.right == found.value

    def test_the_same_shapes_compile_nothing_more(self, backend):
        # Another input that is no other shape: the count tells.
        found = measured("compilations", backend, another=X)
        assert int(found.value["other shape"]) == 1
        assert int(found.right["other shape"]) == 2


class TestFallback:
    @pytest.mark.parametrize("name", [cell.name for cell in CELLS if cell.graphs and "∘jit" not in cell.name])
    def test_every_cell_that_compiles_is_counted(self, backend, name):
        found = measured(name, backend)
        assert (found.error, found.fallback) == ("", "")
        assert found.value

    @pytest.mark.parametrize(
        ("first", "second", "graphs", "words"),
        [
            ((1, 1), (0, 0), 1, ""),
            ((2, 1), (0, 0), 0, ""),
            ((0, 1), (0, 1), 0, "the first call compiled nothing: it ran eagerly"),
            ((0, 0), (0, 0), 1, "the first call compiled nothing: it ran eagerly"),
            ((2, 0), (0, 0), 1, "the first call compiled 2 graphs, expected 1"),
            ((1, 1), (1, 0), 0, "the second call, on the same inputs, compiled 1 more"),
            ((1, 1), (0, 1), 0, "the second call ran the Python function 1 times more: it ran eagerly"),
        ],
    )
    def test_two_calls(self, first, second, graphs, words):
        assert _fallback(first[0], second, graphs) == words

    def test_the_count_of_an_eager_call(self, backend):
        fixtures = Fixtures(FunctionPair("double", {backend: double}, parse(X, "all", (double,))), backend)
        with fixtures.adapter.settings("float64"):
            f, x = fixtures.f(), fixtures.get("x")
            f(x)
            with fixtures.adapter.count_compilations() as compilations:
                for times in (1, 2):
                    before = fixtures.kit.executions()
                    for _ in range(times):
                        f(x)
                    assert compilations() == 0
                    assert fixtures.kit.executions() - before == (times if backend == "jax" else 0)

    def test_counting_ends(self, backend):
        fixtures = Fixtures(FunctionPair("double", {backend: double}, parse(X, "all", (double,))), backend)
        with fixtures.adapter.settings("float64"):
            with fixtures.adapter.count_compilations() as count:
                pass
            compiled = backends.get(backend).compile(fixtures.f())
            compiled(fixtures.get("x"))
            if backend == "jax":  # its listener is gone; torch counts for itself
                assert count() == 0

    def test_functions_are_new_for_every_cell(self, backend):
        fixtures = Fixtures(FunctionPair("double", {backend: double}, parse(X, "all", (double,))), backend)
        with fixtures.adapter.settings("float64"):
            assert fixtures.get("f") is not fixtures.get("f")
            assert fixtures.get("x")["x"] is not fixtures.get("x")["x"]


@pytest.mark.both
class TestTorchLimit:
    def test_no_silent_eager_run_after_the_recompile_limit(self):
        import torch
        from torch._dynamo import config
        from torch._dynamo.exc import FailOnRecompileLimitHit

        with backends.get("torch").fresh_compiler(), config.patch(recompile_limit=2):
            compiled = torch.compile(double, dynamic=False)  # with fullgraph Dynamo would raise anyway
            compiled(torch.ones(2))
            compiled(torch.ones(3))
            with pytest.raises(FailOnRecompileLimitHit):
                compiled(torch.ones(4))
        assert not config.fail_on_recompile_limit_hit
