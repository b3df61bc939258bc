"""The measuring process: takes tasks from a pipe, one after the other, and sends back what it found."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from parity.bench.machine.environment import describe
from parity.bench.settings import Settings
from parity.bench.supervision.heartbeat import Pulse
from parity.errors import InputError
from parity.processes.settings import end_with_parent, use_compilation_caches


def serve(connection: Connection, pulse: Pulse, settings: Settings, log: str, cache: str) -> None:
    """Works until the pipe is closed. The environment was set before this process began."""
    end_with_parent()
    os.environ["PARITY_CACHE_DIR"] = cache
    use_compilation_caches()
    _write_to(Path(log))
    with contextlib.suppress(OSError):  # when memory runs out, this process goes first
        Path("/proc/self/oom_score_adj").write_text("1000")
    sys.path.insert(0, "")  # modules of the folder that the command is called in
    pulse.beat("start", "")
    import torch

    torch.set_num_threads(settings.threads)
    with contextlib.suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        while True:
            what, task, broken = connection.recv()
            connection.send(_answer(what, task, broken, settings, pulse))


def _answer(what: str, task: Any, broken: Mapping[str, str], settings: Settings, pulse: Pulse) -> dict[str, Any]:
    if what == "environment":
        return describe(settings)
    if what == "limits":
        from parity.bench.machine.roofline import limits

        pulse.beat("limits of the machine", "")
        return limits(task, settings.threads, settings.device)
    from parity.bench.session import measure

    pulse.beat("inputs", "")
    try:
        subject = task.subject()
    except InputError as error:
        return {"input_error": str(error)}
    if task.budget_s is not None:
        settings = replace(settings, budget_s=min(settings.budget_s, task.budget_s))
    return measure(subject, settings, stage=pulse.beat, broken=broken, wanted=task.wants())[0].to_dict()


def _write_to(log: Path) -> None:
    """What functions and compilers print goes to a file: it is no part of the report."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
