"""One side's training: the losses before each step, the last parameters, and the smallest change of the first ones."""

from __future__ import annotations

import numpy as np
import optree
import pytest

from parity.jobs.training import Trajectory, moved_by_one_ulp, predict, train

PARAMS = {"w": np.array([1.0, -2.0], np.float32), "deep": {"b": np.float32([0.5])}}
BATCHES = [(np.full((1, 2), k, np.float32), np.full(1, k, np.int64)) for k in (1.0, 2.0, 3.0)]


def step(params, x, y):
    """Halves the parameters; the loss is their sum plus that of the batch."""
    loss = params["w"].sum() + params["deep"]["b"].sum() + x.sum() + y.sum()
    return {"w": params["w"] / 2, "deep": {"b": params["deep"]["b"] / 2}}, loss


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_training(backend, dtype):
    steps = []
    found = train(step, PARAMS, BATCHES, backend=backend, dtype=dtype, on_step=lambda: steps.append(1))
    assert isinstance(found, Trajectory)
    assert found.losses.tolist() == [-0.5 + 3, -0.25 + 6, -0.125 + 9]  # before each step
    assert found.losses.dtype == np.float64
    assert len(steps) == 3
    assert found.params["w"].tolist() == [0.125, -0.25]
    assert found.params["deep"]["b"].tolist() == [0.0625]
    assert {leaf.dtype for leaf in optree.tree_leaves(found.params)} == {np.dtype(dtype)}
    assert found.first_s > 0
    assert found.steps_s > 0
    assert PARAMS["w"].tolist() == [1.0, -2.0]


def test_float64_is_float64(backend):
    """A third is no float32: the losses would show it."""
    params = {"w": np.full(2, 1 / 3), "deep": {"b": np.zeros(1)}}
    found = train(step, params, BATCHES[:1], backend=backend, dtype="float64")
    assert found.losses[0] == 1 / 3 + 1 / 3 + 3
    assert found.steps_s == 0.0


def test_a_step_that_raises_is_not_swallowed(backend):
    def broken(params, x, y):
        raise RuntimeError("no step")

    with pytest.raises(Exception, match="no step"):
        train(broken, PARAMS, BATCHES, backend=backend, dtype="float64")


def test_predict(backend):
    found = predict(lambda params, x: x * params["w"], PARAMS, BATCHES[1][0], backend=backend, dtype="float64")
    assert isinstance(found, np.ndarray)
    assert (found.dtype, found.tolist()) == (np.float64, [[2.0, -4.0]])


def test_one_ulp():
    moved = moved_by_one_ulp(PARAMS)
    assert moved["w"].dtype == np.float64
    assert (moved["w"] - PARAMS["w"]).tolist() == [
        2.0**-52,
        2.0**-52,
    ]  # upwards; below 2 the last place is worth as much
    assert moved["deep"]["b"][0] == 0.5 + 2.0**-53
    assert moved_by_one_ulp({"z": np.zeros(1)})["z"][0] == 5e-324
