"""Trains the attention classifier on the UCI handwritten digits in both frameworks.

1,797 images of 8×8 pixels, which scikit-learn ships; the rows of an image are its tokens.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from parity.api import check
from parity.data.inputs import permutation, seeded_inputs
from parity.errors import InputError
from parity.execution.environment import environment
from parity.jobs.training import Trajectory, moved_by_one_ulp, predict, train
from parity.judge import tolerances
from parity.judge.finding import Finding, Verdict, decimal
from parity.judge.report import Report
from parity.ops import load
from parity.sides import JAX, SIDES, TORCH

STEPS = 500
BATCH = 64
HELD_OUT = 360
WIDTH = 48


@dataclass(frozen=True)
class Digits:
    """Images [B, 8, 8] float32 (pixels of 0 to 1, less the mean training image) and labels [B] int64."""

    x: np.ndarray
    y: np.ndarray
    held_out_x: np.ndarray
    held_out_y: np.ndarray


@dataclass(frozen=True)
class Training:
    """The result of the training run, for the report and its picture.

    Attributes:
        trajectories: backend → its training in float64.
        accuracy: backend → fraction of the held-out images that it classifies correctly.
        images: number of held-out images.
    """

    trajectories: dict[str, Trajectory]
    accuracy: dict[str, float]
    images: int


def load_digits() -> Digits:
    """The images in a fixed order, the first `HELD_OUT` held out.

    Raises:
        InputError: scikit-learn is not installed.
    """
    try:
        datasets = importlib.import_module("sklearn.datasets")
    except ModuleNotFoundError as error:
        raise InputError(
            'digits: scikit-learn, which has the images, is not installed; install it with: pip install "parity[digits]"'
        ) from error
    images, labels = datasets.load_digits(return_X_y=True)
    order = permutation(len(images), 0, "digits")
    x = images.reshape(-1, 8, 8)[order] / 16
    x = (x - x[HELD_OUT:].mean(axis=0)).astype(np.float32)
    y = labels.astype(np.int64)[order]
    return Digits(x[HELD_OUT:], y[HELD_OUT:], x[:HELD_OUT], y[:HELD_OUT])


def batches(digits: Digits, steps: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """`steps` batches of images and labels; each epoch is shuffled and sees an image at most once."""
    per_epoch = len(digits.x) // BATCH
    for step in range(steps):
        epoch, place = divmod(step, per_epoch)
        chosen = permutation(len(digits.x), 1 + epoch, "batches")[place * BATCH : (place + 1) * BATCH]
        yield digits.x[chosen], digits.y[chosen]


def initial_params(seed: int = 0) -> Any:
    """The tree of float32 parameters that both sides start from."""
    sizes = {"B": 1, "T": 8, "F": 8, "D": WIDTH, "C": 10}
    return seeded_inputs(load("train_step"), sizes, seed)["params"]


def run(
    steps: int = STEPS, progress: Callable[[str, int], None] = lambda message, done: None
) -> tuple[Report, Training]:
    """Checks the first step leaf by leaf, trains both sides, and judges the loss curves and the accuracies.

    Args:
        steps: training steps of each side.
        progress: called with a message and the number of steps done, out of `3 * steps`.
    """
    digits, params = load_digits(), initial_params()
    modules = {side: importlib.import_module(f"impl_{side}.train_step") for side in SIDES}
    x, y = next(batches(digits, 1))
    progress("step 1, leaf by leaf", 0)
    findings = []
    for function, wrt in (("loss", "params"), ("train_step", ())):
        first = check(
            getattr(modules[JAX], function),
            getattr(modules[TORCH], function),
            {"params": params, "x": x, "y": y},
            wrt=wrt,
            dtypes=(),
            modes=("eager", "compiled"),
        )
        findings += [replace(finding, leaf=f"{function}/{finding.leaf}") for finding in first.findings]

    done = 0

    def advance(message: str) -> Callable[[], None]:
        def on_step() -> None:
            nonlocal done
            done += 1
            progress(message, done)

        return on_step

    def trained(side: str, start: Any, message: str) -> Trajectory:
        return train(
            modules[side].train_step,
            start,
            batches(digits, steps),
            backend=side,
            dtype="float64",
            on_step=advance(message),
        )

    trajectories = {side: trained(side, params, f"training {side}") for side in SIDES}
    nudged = trained(JAX, moved_by_one_ulp(params), "training jax from parameters moved by one ULP")
    accuracy = {}
    for side in SIDES:
        logits = predict(
            modules[side].class_logits,
            trajectories[side].params,
            digits.held_out_x,
            backend=side,
            dtype="float64",
        )
        accuracy[side] = float(np.mean(np.argmax(logits, axis=1) == digits.held_out_y))
    findings.append(judge_curves(trajectories, nudged))
    findings.append(judge_accuracy(accuracy, len(digits.held_out_y)))
    return Report("digits", tuple(findings), environment()), Training(trajectories, accuracy, len(digits.held_out_y))


def judge_curves(trajectories: dict[str, Trajectory], nudged: Trajectory) -> Finding:
    """Judges the loss curves: they may drift apart as fast as two runs of one framework that start one ULP apart.

    Drifts are fractions of JAX's largest loss.
    """
    jax, torch = (trajectories[side].losses for side in SIDES)
    with np.errstate(all="ignore"):  # a diverged curve is infinite or NaN
        drift = np.abs(jax - torch) / np.max(np.abs(jax))
        chaos = np.abs(jax - nudged.losses) / np.max(np.abs(jax))
    allowed = tolerances.DRIFT_RATIO * float(np.max(chaos)) + tolerances.FLOAT64_EQUAL
    worst = int(np.argmax(np.where(np.isfinite(drift), drift, np.inf)))
    learned = all(np.mean(losses[-10:]) < tolerances.LEARNED * losses[0] for losses in (jax, torch))
    finding = Finding(
        leaf="training/loss",
        dtype="float64",
        mode="compiled",
        verdict=Verdict.EXACT if not drift.any() else Verdict.ROUNDING,
        error=float(drift[worst]),
        index=(worst,),
        actual=float(jax[worst]),
        expected=float(torch[worst]),
        mismatches=int(np.count_nonzero(drift)),
        size=drift.size,
        message=f"over {drift.size} steps the curves differ by at most {decimal(float(np.max(drift)))} of the largest loss; "
        f"moving the first parameters by one ULP makes {decimal(float(np.max(chaos)))}",
    )
    if not np.isfinite(nudged.losses).all():
        message = "the training run that starts one ULP away diverged, so the allowed drift is unknown"
        return replace(finding, verdict=Verdict.INCONCLUSIVE, message=message)
    if not drift[worst] <= allowed:
        return replace(finding, verdict=Verdict.SEMANTIC, message=f"{finding.message}; allowed {decimal(allowed)}")
    if not learned:
        return replace(
            finding, verdict=Verdict.VACUOUS, message="the loss did not fall to half, so nothing was learned"
        )
    return finding


def judge_accuracy(accuracy: dict[str, float], images: int) -> Finding:
    """Judges the accuracy on the held-out images: at least 95 % on both sides, and equal to within one image."""
    correct = {side: round(accuracy[side] * images) for side in SIDES}
    counts = ", ".join(f"{side} {correct[side]} of {images} ({100 * accuracy[side]:.2f} %)" for side in SIDES)
    low = [side for side in SIDES if accuracy[side] < tolerances.LEAST_ACCURACY]
    apart = abs(correct[JAX] - correct[TORCH])
    verdict, expected = Verdict.EXACT if apart == 0 else Verdict.ROUNDING, ""
    if low or apart > tolerances.IMAGES_APART:
        verdict = Verdict.SEMANTIC
        expected = f"; expected at least {tolerances.LEAST_ACCURACY:.0%} and a difference of at most one image"
    return Finding(
        leaf="training/accuracy",
        dtype="float64",
        mode="compiled",
        verdict=verdict,
        side=low[0] if len(low) == 1 else None,
        actual=accuracy[JAX],
        expected=accuracy[TORCH],
        mismatches=apart,
        size=images,
        message=f"held-out images classified correctly: {counts}{expected}",
    )
