"""Runs a command and ends everything that it started: `python guard.py DESCRIPTOR,… COMMAND…`.

It stands between a process and its worker, and ends the worker with all its descendants when the worker ends, when standard
input closes (the other end of that pipe is with the process that started it), or when that process is gone. It does nothing
else, so that neither a hanging call nor a SIGKILL there can keep it from its work. Its exit code or signal is the worker's.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import threading
import time

_SET_CHILD_SUBREAPER = (
    36  # PR_SET_CHILD_SUBREAPER of <sys/prctl.h>: what loses its parent becomes a child of this process
)
POLL_S = 1.0


def main() -> None:
    """Runs the command of the command line to its end."""
    descriptors = [int(number) for number in sys.argv[1].split(",")]
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    worker = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, pass_fds=descriptors)
    for descriptor in descriptors:  # so that they close when the worker ends
        os.close(descriptor)
    threading.Thread(target=_kill_without_parent, args=(worker, os.getppid()), daemon=True).start()
    code = worker.wait()
    _kill_descendants()
    if code < 0:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _kill_without_parent(worker: subprocess.Popen[bytes], parent: int) -> None:
    while os.getppid() == parent and not select.select([0], [], [], POLL_S)[0]:
        pass
    worker.kill()


def _kill_descendants() -> None:
    import psutil  # the worker need not wait for this import

    while descendants := psutil.Process().children(recursive=True):
        for process in descendants:
            with contextlib.suppress(psutil.Error):
                process.kill()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)


if __name__ == "__main__":
    main()
