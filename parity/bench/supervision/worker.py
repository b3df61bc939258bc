"""What the measuring process does. Its heartbeat tells the stage and the candidate that it is at."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from parity.bench.settings import Settings
from parity.bench.supervision.task import Task
from parity.errors import InputError
from parity.processes.child import beat
from parity.processes.settings import use_compilation_caches


def start(threads: int) -> None:
    """Called first, before a framework is imported; the environment was set before the process began."""
    beat("start")
    use_compilation_caches()
    sys.path.insert(0, "")  # modules of the folder that the command is called in
    import torch

    torch.set_num_threads(threads)


def limits(dtype: str, settings: Settings) -> dict[str, Any]:
    """`parity.bench.machine.roofline.limits`."""
    from parity.bench.machine.roofline import limits

    beat("limits of the machine")
    return limits(dtype, settings.threads, settings.device)


def comparison(task: Task, broken: Mapping[str, str], settings: Settings) -> dict[str, Any]:
    """`parity.bench.session.measure` of the task; `input_error` in place of it if the task names what there is not."""
    from parity.bench.session import measure

    beat("inputs")
    try:
        subject = task.subject()
    except InputError as error:
        return {"input_error": str(error)}
    if task.budget_s is not None:
        settings = replace(settings, budget_s=min(settings.budget_s, task.budget_s))
    return measure(subject, settings, stage=beat, broken=broken, wanted=task.wants())[0].to_dict()
