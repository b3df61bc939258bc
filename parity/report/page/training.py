"""The training run: both loss curves, their difference, and the accuracies."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from parity.report.formatting import counted, number
from parity.report.page.axes import log_ticks
from parity.report.page.svg import COLOUR, DASHES, QUIET, Picture, picture
from parity.report.page.tables import Cell, Column, Section, Table
from parity.sides import JAX, LABELS, TORCH

_COLUMNS = (
    Column("Step", numeric=True),
    Column("Loss, JAX", numeric=True),
    Column("Loss, PyTorch", numeric=True),
    Column("|JAX − PyTorch|", numeric=True),
)
MOST_ROWS = 12  # of hundreds of steps; report.json has them all


def section(run: dict[str, Any] | None) -> Section:
    """The training of report.json."""
    name, title = "training", "Training"
    training = run and run["training"]
    if not training or not _steps(training):
        missing = "This folder has no training run in both frameworks."
        return Section(name, title, missing=missing, command="parity run digits")
    rows = _rows(training)
    caption = f"Loss at {len(rows)} of {_steps(training)} steps; report.json has them all"
    table = Table("training-table", caption, _COLUMNS, rows)
    return Section(name, title, (accuracy(training),), (_picture(training),), (table,))


def accuracy(training: dict[str, Any]) -> str:
    """How many held-out images each side classifies correctly, in a sentence."""
    images = training["images"]
    correct = [
        f"{side} {round(share * images)} ({100 * share:.2f}\u00a0%)" for side, share in training["accuracy"].items()
    ]
    return f"Of {images:g} held-out images, correct: {', '.join(correct)}."


def _curves(training: dict[str, Any]) -> tuple[list[float], list[float]]:
    losses = training["losses"]
    return losses.get(JAX, []), losses.get(TORCH, [])


def _steps(training: dict[str, Any]) -> int:
    """How many steps both sides took."""
    return min(map(len, _curves(training)))


def _rows(training: dict[str, Any]) -> tuple[tuple[Cell, ...], ...]:
    jax, torch = _curves(training)
    steps = _steps(training)
    places = sorted({round(index * (steps - 1) / max(MOST_ROWS - 1, 1)) for index in range(MOST_ROWS)})
    return tuple(
        (
            Cell(str(step), float(step)),
            Cell(number(jax[step], "#.6g"), jax[step]),
            Cell(number(torch[step], "#.6g"), torch[step]),
            _apart(abs(jax[step] - torch[step])),
        )
        for step in places
    )


def _apart(difference: float) -> Cell:
    return Cell(f"{difference:.1e}" if difference else "0", difference)


def _picture(training: dict[str, Any]) -> Picture:
    jax, torch = _curves(training)
    steps = _steps(training)
    furthest = max(abs(one - other) for one, other in zip(jax, torch, strict=False))
    description = (
        f"{counted(steps, 'step')}. The loss of JAX goes from {jax[0]:.3g} to {jax[-1]:.3g}, that of PyTorch from "
        f"{torch[0]:.3g} to {torch[-1]:.3g}; they differ by at most {furthest:.1e}. {accuracy(training)}"
    )
    return picture(
        "training-loss",
        "Training loss of both frameworks, and the difference",
        description,
        f"Above: the loss before each step, from the same parameters on the same batches. Below: the difference, at most "
        f"{furthest:.1e}.",
        lambda figure, narrow: _paint(figure, jax[:steps], torch[:steps]),
        (4.4, 3.9),
    )


def _paint(figure: Figure, jax: list[float], torch: list[float]) -> None:
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    above.plot(jax, color=COLOUR[JAX], linewidth=2.8, label=LABELS[JAX])
    above.plot(torch, color=COLOUR[TORCH], linewidth=1.3, linestyle=DASHES[TORCH], label=LABELS[TORCH])
    difference = [abs(one - other) for one, other in zip(jax, torch, strict=True)]
    below.plot(difference, color=QUIET, linewidth=1)
    if min(*jax, *torch) > 0:
        above.set_yscale("log")
    if max(difference) > 0:
        below.set_yscale("log")
    for axes, form in ((above, "g"), (below, ".0e")):
        if axes.get_yscale() == "log":
            log_ticks(axes.yaxis, axes.get_ylim(), 5, f"{{:{form}}}".format)
        axes.grid()
    above.set_ylabel("loss (nats)")
    below.set_ylabel("difference")
    below.set_xlabel("training step")
    figure.legend(*above.get_legend_handles_labels(), loc="outside upper left", ncols=2, borderaxespad=0.2)
