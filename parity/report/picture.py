"""The loss curves as a picture."""

from __future__ import annotations

import io

import numpy as np

from parity.errors import InputError
from parity.jobs.digits import Training
from parity.sides import LABELS, SIDES


def loss_curves(training: Training) -> bytes:
    """Both loss curves and, below them, their difference, as SVG.

    Raises:
        InputError: matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise InputError('matplotlib is not installed; install it with: pip install "parity[digits]"') from error
    matplotlib.rcParams["svg.hashsalt"] = "parity"  # the same picture for the same run
    jax, torch = (training.trajectories[side].losses for side in SIDES)
    figure = Figure(figsize=(8, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    names = [f"{LABELS[side]}, held-out accuracy {100 * training.accuracy[side]:.2f} %" for side in SIDES]
    above.plot(jax, color="#1f77b4", linewidth=3, label=names[0])
    above.plot(torch, color="#ff7f0e", linewidth=1.2, linestyle="--", label=names[1])
    above.set(yscale="log", ylabel="loss (cross-entropy, nats)", title="Training on the handwritten digits, float64")
    above.legend()
    difference = np.abs(jax - torch)
    below.plot(difference, color="#444444", linewidth=1)
    below.set(yscale="log" if (difference > 0).any() else "linear", xlabel="training step", ylabel="|JAX − PyTorch|")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()
