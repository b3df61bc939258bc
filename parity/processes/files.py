"""Files written whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from parity.errors import InputError


def write(path: Path, content: str | bytes) -> None:
    """Replaces `path` in one step: a reader, a crash or a full disk never leaves half a file.

    A file that is there keeps its mode; a new one gets what the umask allows.
    """
    data = content.encode() if isinstance(content, str) else content
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask()
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)  # Ctrl-C may come when it is in its place already
        raise


def _umask() -> int:
    # It cannot be read without being set: to the strictest one, should another thread write meanwhile.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def writable_folder(path: Path, argument: str) -> Path:
    """`path`, made if need be.

    Raises:
        InputError: nothing can be written there; said before any work is done that would be lost.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InputError(
            f"{argument}: cannot write to {path} ({error.strerror}); choose another folder with {argument}"
        ) from error
    return path
