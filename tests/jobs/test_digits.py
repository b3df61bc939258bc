"""The training run: its data, its two judgements, and a few real steps of both frameworks."""

from __future__ import annotations

import sys

import numpy as np
import optree
import pytest

from parity import InputError, Verdict
from parity.jobs import digits
from parity.jobs.digits import BATCH, HELD_OUT, batches, initial_params, judge_accuracy, judge_curves, load_digits
from parity.jobs.training import Trajectory

STEPS = 40
FALLING = 2.3 * 0.9 ** np.arange(STEPS)
ULP = np.sin(np.arange(STEPS)) * 1e-16


def trajectory(losses):
    return Trajectory(np.asarray(losses, float), {}, 1.0, 1.0)


def judged(jax, torch, nudged=FALLING + ULP):
    return judge_curves({"jax": trajectory(jax), "torch": trajectory(torch)}, trajectory(nudged))


class TestCurves:
    def test_equal(self):
        finding = judged(FALLING, FALLING)
        assert (finding.verdict, finding.mismatches, finding.error) == (Verdict.EXACT, 0, 0.0)
        assert (finding.leaf, finding.size) == ("training/loss", STEPS)

    def test_drifting_as_rounding_does(self):
        finding = judged(FALLING, FALLING + 5 * ULP)
        assert finding.verdict is Verdict.ROUNDING
        assert 0 < finding.mismatches <= STEPS
        assert "moving the first parameters by one ULP makes" in finding.message
        assert (finding.actual, finding.expected) == (FALLING[finding.index], (FALLING + 5 * ULP)[finding.index])

    @pytest.mark.parametrize(("times", "passes"), [(90, True), (110, False)])
    def test_a_hundred_times_what_one_ulp_makes(self, times, passes):
        chaos = np.sin(np.arange(STEPS)) * 1e-6
        finding = judged(FALLING, FALLING + times * chaos, FALLING + chaos)
        assert finding.verdict is (Verdict.ROUNDING if passes else Verdict.SEMANTIC)

    @pytest.mark.parametrize("other", [FALLING * 1.001, FALLING + 1e-11, FALLING[::-1]])
    def test_diverging(self, other):
        for pair in ((FALLING, other), (other, FALLING)):
            finding = judged(*pair, pair[0] + ULP)
            assert finding.verdict is Verdict.SEMANTIC
            assert "; allowed " in finding.message

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("place", [0, 17, STEPS - 1])
    def test_a_curve_that_is_not_finite_never_passes(self, value, place):
        broken = FALLING.copy()
        broken[place:] = value
        for curves in ((broken, FALLING), (FALLING, broken), (broken, broken)):
            assert not judged(*curves).verdict.passes
        assert judged(FALLING, FALLING + 5 * ULP, broken).verdict is Verdict.INCONCLUSIVE  # no measure of chaos

    @pytest.mark.parametrize("flat", [np.full(STEPS, 2.3), 2.3 * 0.99 ** np.arange(STEPS)])
    def test_nothing_was_learned(self, flat):
        finding = judged(flat, flat, flat)
        assert finding.verdict is Verdict.VACUOUS
        assert "the loss did not fall to half" in finding.message

    def test_all_zero_is_no_training(self):
        assert not judged(np.zeros(STEPS), np.zeros(STEPS), np.zeros(STEPS)).verdict.passes


class TestAccuracy:
    @pytest.mark.parametrize(
        ("jax", "torch", "verdict", "side"),
        [
            (350, 350, Verdict.EXACT, None),
            (342, 342, Verdict.EXACT, None),  # 95 % to the image
            (350, 351, Verdict.ROUNDING, None),
            (351, 350, Verdict.ROUNDING, None),
            (350, 352, Verdict.SEMANTIC, None),
            (341, 342, Verdict.SEMANTIC, "jax"),  # below 95 %
            (342, 341, Verdict.SEMANTIC, "torch"),
            (341, 341, Verdict.SEMANTIC, None),
            (36, 360, Verdict.SEMANTIC, "jax"),
            (0, 0, Verdict.SEMANTIC, None),
        ],
    )
    def test_both_good_and_within_one_image(self, jax, torch, verdict, side):
        finding = judge_accuracy({"jax": jax / 360, "torch": torch / 360}, 360)
        assert (finding.verdict, finding.side, finding.mismatches) == (verdict, side, abs(jax - torch))
        assert f"jax {jax} of 360" in finding.message
        assert ("expected at least 95%" in finding.message) == (verdict is Verdict.SEMANTIC)


class TestData:
    def test_the_split(self):
        data = load_digits()
        assert data.x.shape == (1797 - HELD_OUT, 8, 8)
        assert data.held_out_x.shape == (HELD_OUT, 8, 8)
        assert (data.y.shape, data.held_out_y.shape) == ((1797 - HELD_OUT,), (HELD_OUT,))
        assert {data.x.dtype, data.held_out_x.dtype} == {np.dtype(np.float32)}
        assert {data.y.dtype, data.held_out_y.dtype} == {np.dtype(np.int64)}
        assert set(data.y) == set(data.held_out_y) == set(range(10))

    def test_disjoint_and_complete(self):
        """By the images themselves; those that occur twice in the data set too."""
        from sklearn import datasets

        data = load_digits()
        everything = np.concatenate([data.x, data.held_out_x])
        raw = datasets.load_digits().images / 16
        back = np.sort((everything - everything[0] + raw[0]).reshape(1797, -1).sum(1))
        np.testing.assert_allclose(
            back - back.mean(), np.sort(raw.reshape(1797, -1).sum(1)) - raw.sum((1, 2)).mean(), atol=1e-4
        )
        assert len({image.tobytes() for image in everything}) == len(np.unique(raw.reshape(1797, -1), axis=0))

    def test_centred_by_the_training_images_alone(self):
        data = load_digits()
        np.testing.assert_allclose(data.x.mean(axis=0), 0, atol=1e-6)
        assert np.abs(data.held_out_x.mean(axis=0)).max() > 1e-3
        assert 0.9 < data.x.max() - data.x.min() <= 2

    def test_the_same_every_time(self):
        assert load_digits().x.tobytes() == load_digits().x.tobytes()

    def test_batches_cover_every_image_once_an_epoch(self):
        data = load_digits()
        per_epoch = len(data.x) // BATCH
        numbered = digits.Digits(np.arange(len(data.x)), data.y, data.held_out_x, data.held_out_y)
        epochs = [[x for x, _ in batches(numbered, 3 * per_epoch)][i * per_epoch :][:per_epoch] for i in range(3)]
        for epoch in epochs:
            seen = np.concatenate(epoch)
            assert len(seen) == len(set(seen.tolist())) == per_epoch * BATCH
        assert not np.array_equal(epochs[0][0], epochs[1][0])
        (x, y) = next(batches(numbered, 1))
        np.testing.assert_array_equal(y, data.y[x])
        assert len(list(batches(data, 5))) == 5
        assert not list(batches(data, 0))

    def test_no_scikit_learn(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
        with pytest.raises(InputError, match=r'scikit-learn.* is not installed; install it with: pip install "parity'):
            load_digits()

    def test_parameters_are_seeded(self):
        one, same, other = (
            [leaf.tobytes() for leaf in optree.tree_leaves(initial_params(*seed))] for seed in ((), (), (1,))
        )
        assert one == same
        assert not set(one) & set(other)


@pytest.mark.both
def test_a_few_real_steps():
    told = []
    report, training = digits.run(3, lambda words, done: told.append((words, done)))
    leaves = [f.leaf for f in report.findings]
    assert report.name == "digits"
    assert {"train_step/out/1", "loss/out", "training/loss", "training/accuracy"} <= set(leaves)
    assert any(leaf.startswith("loss/grad/params/") for leaf in leaves)
    # Step by step the sides agree; three steps are too few to learn anything, and that is said.
    said = {f.leaf: f.verdict for f in report.findings if f.leaf.startswith("training/")}
    assert said == {"training/loss": Verdict.VACUOUS, "training/accuracy": Verdict.SEMANTIC}
    assert all(f.verdict.passes for f in report.findings if not f.leaf.startswith("training/")), str(report)
    assert not report.passed
    assert [done for _, done in told] == list(range(10))
    assert training.images == HELD_OUT
    for side in ("jax", "torch"):
        losses = training.trajectories[side].losses
        assert len(losses) == 3
        assert 2 < losses[0] < 3  # about log 10
    np.testing.assert_allclose(*(training.trajectories[side].losses for side in ("jax", "torch")), rtol=1e-12)
