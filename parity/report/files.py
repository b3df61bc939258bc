"""`parity-report/`: report.json, report.md and the picture of the loss curves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from parity.jobs.suite import Suite
from parity.judge.serialize import plain
from parity.processes.files import write
from parity.report.markdown import markdown
from parity.report.picture import loss_curves

SCHEMA = "parity-run/1"


def write_report(suite: Suite, folder: Path) -> None:
    """Writes report.json, report.md and loss.svg with what is finished so far; an unfinished run says `complete: false`."""
    if suite.training is not None:
        write(folder / "loss.svg", loss_curves(suite.training))
    write(folder / "report.json", json.dumps(as_dict(suite), indent=2, allow_nan=False) + "\n")
    write(folder / "report.md", markdown(suite))


def as_dict(suite: Suite) -> dict[str, Any]:
    """The content of report.json."""
    training = suite.training
    return {
        "schema": SCHEMA,
        "complete": suite.complete,
        "passed": suite.passed,
        "selected": list(suite.selected),
        "reports": [report.to_dict() for report in suite.reports],
        "training": training
        and {
            "images": training.images,
            "accuracy": training.accuracy,
            "losses": plain({side: one.losses.tolist() for side, one in training.trajectories.items()}),
        },
    }
