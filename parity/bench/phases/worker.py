"""Measures phases of one framework in this process: `python -m parity.bench.phases.worker ASSIGNMENT DESCRIPTOR`.

ASSIGNMENT is JSON, see `Assignment`; the answers go to the pipe DESCRIPTOR, a JSON object each: first `start_s`, then one for
each subject. An object with a `message` is the last one: what follows a failure is measured in a new process.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from typing import Any

from parity.bench.phases import stages
from parity.bench.supervision.errors import why
from parity.processes.settings import end_with_parent

Answer = Mapping[str, Any]


@dataclass(frozen=True)
class Assignment:
    """
    Attributes:
        stage: `cold`, `warm` or `peak`.
        subjects: (op, kind, dtype, sizes) of each; sizes as in `parity.bench.subjects.subject.of_op`.
    """

    backend: str
    device: str
    stage: str
    subjects: tuple[tuple[str, str, str, Mapping[str, int] | None], ...]

    def words(self) -> str:
        return json.dumps(asdict(self))


def serve(
    assignment: Assignment,
    send: Callable[[Answer], None],
    start: Callable[[str, Sequence[str]], float] = stages.start,
    measured: Callable[..., Answer] = stages.measured,
) -> None:
    """Starts the compiler, then measures one subject after the other, up to the first that raises."""
    timed = assignment.subjects if assignment.stage != stages.PEAK else ()
    send({"start_s": start(assignment.backend, sorted({kind for _, kind, _, _ in timed}))})
    for subject in assignment.subjects:
        try:
            answer = measured(assignment.stage, assignment.backend, assignment.device, *subject)
        except (Exception, SystemExit) as error:
            send({"message": why(error)})
            return
        send(answer)


def main(work: Callable[[Assignment, Callable[[Answer], None]], None] = serve) -> None:
    """Does `work` and ends."""
    end_with_parent()
    words, descriptor = sys.argv[1:]
    os.set_inheritable(int(descriptor), False)  # a process that a compiler leaves behind must not keep the pipe open
    with Connection(int(descriptor), readable=False) as pipe:
        work(Assignment(**json.loads(words)), lambda answer: pipe.send_bytes(json.dumps(answer).encode()))


if __name__ == "__main__":
    main()
