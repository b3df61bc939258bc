"""Compilation, vmap, gradients, training and heads: one test body for both frameworks."""

from __future__ import annotations

import importlib
import itertools

import numpy as np
import optree
import pytest

from parity import ops
from parity.data.inputs import cotangent, seeded_inputs
from tests.frameworks import framework, is_floating, scaled_error, to_float64

every_op = pytest.mark.parametrize("name", ops.names())


def inputs_of(name, case=0, seed=0):
    op = ops.load(name)
    return to_float64(seeded_inputs(op, op.sizes[case], seed))


def static(inputs):
    return tuple(name for name, leaf in inputs.items() if not isinstance(leaf, np.ndarray | dict))


def wrt(inputs):
    return tuple(name for name, tree in inputs.items() if all(map(is_floating, optree.tree_leaves(tree))))


def cotangents_of(name, inputs):
    out = ops.load(name).reference(**inputs)
    return optree.tree_map_with_path(lambda path, leaf: to_float64(cotangent(f"{path}", np.shape(leaf))), out)


def implementation(backend, module, function=None):
    return getattr(importlib.import_module(f"impl_{backend}.{module}"), function or module)


class TestJit:
    @every_op
    # float64 to rounding; float32 to some ten roundings of 6e-8, since a compiler may reorder and fuse.
    @pytest.mark.parametrize(("dtype", "bound"), [("float64", 1e-12), ("float32", 1e-6)])
    def test_compiled_is_the_reference(self, backend, name, dtype, bound):
        inputs = inputs_of(name)
        compiled = framework(backend).jit(implementation(backend, name), static(inputs))
        actual = framework(backend).run(compiled, inputs, dtype)
        assert {leaf.dtype.name for leaf in optree.tree_leaves(actual)} == {dtype}
        assert scaled_error(actual, ops.load(name).reference(**inputs)) <= bound

    def test_jit_attention_is_the_reference(self, backend):
        inputs = inputs_of("attention")
        actual = framework(backend).run(implementation(backend, "attention", "jit_attention"), inputs)
        assert scaled_error(actual, ops.load("attention").reference(**inputs)) <= 1e-12


class TestVmap:
    @every_op
    def test_vmap_is_a_loop(self, backend, name):
        runs = [inputs_of(name, seed=seed) for seed in range(4)]
        constants = static(runs[0])
        stacked = optree.tree_map(lambda *leaves: np.stack(leaves) if np.ndim(leaves[0]) else leaves[0], *runs)
        function = implementation(backend, name)
        actual = framework(backend).run(framework(backend).vmap(function, constants), stacked)
        loop = [framework(backend).run(function, inputs) for inputs in runs]
        expected = optree.tree_map(lambda *leaves: np.stack(leaves), *loop)
        assert [leaf.shape for leaf in optree.tree_leaves(actual)] == [
            leaf.shape for leaf in optree.tree_leaves(expected)
        ]
        assert scaled_error(actual, expected) <= 1e-12


class TestGrad:
    @every_op
    def test_gradient_is_the_central_difference_of_the_reference(self, backend, name):
        op, inputs = ops.load(name), inputs_of(name)
        cotangents = cotangents_of(name, inputs)
        gradient = framework(backend).gradient(op.implementation(backend), wrt(inputs))
        actual = framework(backend).run(gradient, {"cotangents": cotangents, **inputs})

        varied = {key: inputs[key] for key in wrt(inputs)}
        assert optree.tree_map(np.shape, actual) == optree.tree_map(np.shape, varied)
        expected = optree.tree_map(np.zeros_like, varied)
        step = 1e-6
        for leaf, slopes in zip(optree.tree_leaves(varied), optree.tree_leaves(expected), strict=True):
            for index in np.ndindex(leaf.shape):
                kept = leaf[index]
                leaf[index] = kept + step
                above = op.reference(**inputs)
                leaf[index] = kept - step
                below = op.reference(**inputs)
                leaf[index] = kept
                slopes[index] = sum(
                    np.sum(pulled * (high - low)) / (2 * step)
                    for pulled, high, low in zip(*map(optree.tree_leaves, (cotangents, above, below)), strict=True)
                )
        # Values of about 1, rounded at 1e-16 and divided by the step, give 1e-10; the third derivative gives
        # step² = 1e-12. Some hundred values are added up, so 1e-8 has room, and a wrong factor or sign is at 1e-2.
        assert scaled_error(actual, expected) <= 1e-8

    @every_op
    def test_gradient_of_the_compiled_function_is_the_eager_one(self, backend, name):
        inputs = inputs_of(name)
        function = implementation(backend, name)
        compiled = framework(backend).jit(function, static(inputs))
        both = {"cotangents": cotangents_of(name, inputs), **inputs}
        actual, expected = (
            framework(backend).run(framework(backend).gradient(one, wrt(inputs)), both) for one in (compiled, function)
        )
        assert scaled_error(actual, expected) <= 1e-12

    def test_attention_gradient_is_the_gradient_of_attention(self, backend):
        inputs = inputs_of("attention_gradient")
        actual = framework(backend).run(implementation(backend, "attention_gradient"), inputs)
        names = ("query", "key", "value")
        gradient = framework(backend).gradient(implementation(backend, "attention"), names)
        expected = framework(backend).run(gradient, {"cotangents": inputs.pop("d_out"), **inputs})
        assert scaled_error(actual, tuple(expected[key] for key in names)) <= 1e-12


class TestTrainStep:
    def test_loss_falls(self, backend):
        inputs = inputs_of("train_step", case=1)
        losses = []
        for _ in range(40):
            inputs["params"], loss = framework(backend).run(implementation(backend, "train_step"), inputs)
            losses.append(float(loss))
        assert losses[-1] < 0.5 * losses[0]
        assert all(later < earlier for earlier, later in itertools.pairwise(losses))

    def test_ten_steps_are_those_of_the_reference(self, backend):
        actual, expected = inputs_of("train_step"), inputs_of("train_step")
        for _ in range(10):
            actual["params"], loss = framework(backend).run(implementation(backend, "train_step"), actual)
            expected["params"], reference_loss = ops.load("train_step").reference(**expected)
        assert scaled_error((actual["params"], loss), (expected["params"], reference_loss)) <= 1e-12

    def test_inputs_stay_and_the_tree_is_the_same(self, backend):
        inputs = inputs_of("train_step")

        def step(**arrays):
            out = implementation(backend, "train_step")(**arrays)
            assert out[0] is not arrays["params"]
            assert not any(out[0][group] is arrays["params"][group] for group in out[0])
            return out, arrays

        (params, loss), after = framework(backend).run(step, inputs)
        assert optree.tree_map(np.shape, params) == optree.tree_map(np.shape, inputs["params"])
        assert loss.shape == ()
        assert optree.tree_paths(after) == optree.tree_paths(inputs)
        for now, before in zip(optree.tree_leaves(after), optree.tree_leaves(inputs), strict=True):
            np.testing.assert_array_equal(now, before, strict=True)
        for new, old in zip(optree.tree_leaves(params), optree.tree_leaves(inputs["params"]), strict=True):
            assert (new != old).all()

    def test_loss_is_the_one_before_the_step(self, backend):
        inputs = inputs_of("train_step")
        _, actual = framework(backend).run(implementation(backend, "train_step"), inputs)
        expected = framework(backend).run(implementation(backend, "train_step", "loss"), inputs)
        assert scaled_error(actual, expected) <= 1e-12

    def test_loss_is_the_mean_cross_entropy_of_the_logits(self, backend):
        inputs = inputs_of("train_step")
        loss = framework(backend).run(implementation(backend, "train_step", "loss"), inputs)
        y = inputs.pop("y")
        logits = framework(backend).run(implementation(backend, "train_step", "class_logits"), inputs)
        chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        assert scaled_error(loss, -np.mean(np.log(chances[np.arange(len(y)), y]))) <= 1e-12

    def test_large_logits_do_not_overflow(self, backend):
        inputs = inputs_of("train_step")
        inputs["params"]["head"]["bias"] = 1e4 * np.arange(5.0)
        _, loss = framework(backend).run(implementation(backend, "train_step"), inputs)
        assert np.isfinite(loss)
        assert loss > 1e3


class TestMultiHead:
    @pytest.mark.parametrize("num_heads", [1, 2, 11, 22])
    def test_each_head_is_attention_over_its_block_of_columns(self, backend, num_heads):
        inputs = inputs_of("multi_head_batched") | {"num_heads": num_heads}
        actual = framework(backend).run(implementation(backend, "multi_head_batched"), inputs)
        arrays = {name: np.split(inputs[name], num_heads, axis=2) for name in ("query", "key", "value")}
        blocks = [
            framework(backend).run(
                implementation(backend, "batched_attention"), {name: parts[n] for name, parts in arrays.items()}
            )
            for n in range(num_heads)
        ]
        assert scaled_error(actual, np.concatenate(blocks, axis=2)) <= 1e-12

    @pytest.mark.parametrize(
        ("num_heads", "message"),
        [
            (3, r"num_heads: got 3, expected a divisor of D = 22; choose one of 1, 2, 11, 22"),
            (0, r"num_heads: got 0, expected a divisor of D = 22; choose one of 1, 2, 11, 22"),
            (-2, r"num_heads: got -2, expected a divisor of D = 22; choose one of 1, 2, 11, 22"),
            (2.0, r"num_heads: got float, expected int; pass it as a constant"),
        ],
    )
    def test_heads_that_do_not_fit_are_an_error(self, backend, num_heads, message):
        inputs = inputs_of("multi_head_batched") | {"num_heads": num_heads}
        with pytest.raises(ValueError, match=message):
            framework(backend).run(implementation(backend, "multi_head_batched"), inputs)


def cut(*at):
    return lambda array: array[at]


class TestErrors:
    @pytest.mark.parametrize(
        ("name", "argument", "change", "message"),
        [
            (
                "attention",
                "key",
                cut(..., slice(2)),
                "key: got H = 2, expected H = 3 as in query; give key and query the",
            ),
            ("attention", "value", cut(slice(6)), "value: got S = 6, expected S = 7 as in key; give value and key the"),
            ("attention", "query", cut(None), r"query: got shape \(1, 5, 3\), expected 2 axes \[T, H\]; reshape query"),
            ("attention", "query", cut(0), r"query: got shape \(3,\), expected 2 axes \[T, H\]; reshape query"),
            ("attention", "query", cut(slice(0)), r"query: got shape \(0, 3\), expected \[T, H\] with T >= 1; leave"),
            ("attention", "key", cut(slice(0)), r"key: got shape \(0, 3\), expected \[S, H\] with S >= 1; leave"),
            ("attention_gradient", "d_out", cut(slice(4)), "d_out: got T = 4, expected T = 5 as in query"),
            ("attention_gradient", "d_out", cut(..., slice(1)), "d_out: got Hv = 1, expected Hv = 2 as in value"),
            ("batched_attention", "key", cut(slice(2)), "key: got B = 2, expected B = 3 as in query"),
            ("batched_attention", "value", cut(slice(1)), "value: got B = 1, expected B = 3 as in query"),
            ("batched_attention", "query", cut(0), r"query: got shape \(5, 11\), expected 3 axes \[B, T, H\]"),
            ("batched_attention", "key", cut(slice(3), slice(0)), r"key: got shape \(3, 0, 11\), expected \[B, S, H\]"),
            ("multi_head_batched", "value", cut(..., slice(20)), "value: got D = 20, expected D = 22 as in query"),
            ("multi_head_batched", "key", cut(slice(2)), "key: got B = 2, expected B = 3 as in query"),
            (
                "multi_head_batched",
                "query",
                cut(slice(3), slice(0)),
                r"query: got shape \(3, 0, 22\), expected \[B, T, D\]",
            ),
            ("train_step", "y", cut(slice(2)), "y: got B = 2, expected B = 3 as in x; give y and x the same B"),
            ("train_step", "x", cut(slice(3), slice(6)), "x: got T = 6, expected T = 7 as in params/embed/position"),
            (
                "train_step",
                "x",
                cut(slice(3), slice(0)),
                r"x: got shape \(3, 0, 11\), expected \[B, T, F\] with T >= 1",
            ),
            (
                "train_step",
                "params",
                lambda params: {},
                r"params: got \[\], expected a dictionary with the keys \['att",
            ),
            (
                "train_step",
                "params",
                lambda params: params | {"head": 1},
                r"params/head: got int, expected a dictionary",
            ),
        ],
    )
    def test_what_does_not_fit_is_named(self, backend, name, argument, change, message):
        inputs = inputs_of(name)
        inputs[argument] = change(inputs[argument])
        with pytest.raises(ValueError, match=f"^{message}"):
            framework(backend).run(implementation(backend, name), inputs)
