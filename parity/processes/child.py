"""What runs inside a worker: it takes calls from a pipe, one after the other, and sends back what they return or raise."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from parity.processes.heartbeat import Heartbeat
from parity.processes.settings import end_with_parent

PROGRESS, RESULT, ERROR, EXIT = "progress", "result", "error", "exit"
_connection: Connection
_heartbeat: Heartbeat | None = None


def main(connection: int, heartbeat: int) -> None:
    """Works until the pipe closes. Both arguments are descriptors."""
    global _connection, _heartbeat
    end_with_parent()
    with contextlib.suppress(OSError):  # when memory runs out, this process goes first
        Path("/proc/self/oom_score_adj").write_text("1000")
    for descriptor in (connection, heartbeat):  # a process that a compiler leaves behind must not keep them open
        os.set_inheritable(descriptor, False)
    _connection, _heartbeat = Connection(connection), Heartbeat(heartbeat)
    with contextlib.suppress(EOFError, OSError):
        while True:
            _connection.send_bytes(_answer(_connection.recv_bytes()))
    os._exit(0)


def beat(stage: str, candidate: str = "") -> None:
    """Tells the process that watches this worker what begins here; nothing outside a worker."""
    if _heartbeat is not None:
        _heartbeat.beat(stage, candidate)


def progress(*message: Any) -> None:
    """Sends a message ahead of the result of the call that is running."""
    _connection.send((PROGRESS, message))


def _answer(request: bytes) -> bytes:
    try:
        function, arguments = pickle.loads(request)
        return pickle.dumps((RESULT, function(*arguments)))
    except (KeyboardInterrupt, SystemExit) as error:  # raised again they would end the other process too
        return pickle.dumps((EXIT, f"{type(error).__name__}: {error}"))
    except BaseException as error:
        error.add_note(f"In a process of its own:\n{traceback.format_exc()}")
        with contextlib.suppress(Exception):
            pickle.loads(answer := pickle.dumps((ERROR, error)))
            return answer
        return pickle.dumps((EXIT, f"{type(error).__name__}: {error}"))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
